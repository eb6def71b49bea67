import type { Item } from './codec.ts';

/** The attribute by which DynamoDB removes an item some time after (infra/tables.yml). */
export const EXPIRES_AT = 'ttl';

/** An item that may be removed from `atMs` on; nothing may rely on its being gone. */
export const expiring = (item: Item, atMs: number): Item => ({
  ...item,
  [EXPIRES_AT]: Math.ceil(atMs / 1000),
});
