import type { AccessKeyCatalog } from '../../../ports/catalog.ts';
import type { CatalogTable } from './catalog-table.ts';
import { accessKeyCodec, issuedTokenCodec } from './credential-codecs.ts';
import { expiring } from './expiring.ts';
import { keys } from './keys.ts';
import { settle } from './settle.ts';

/** Written without a condition: repeating a put or a delete changes nothing. */
export const dynamoAccessKeys = (table: CatalogTable): AccessKeyCatalog => ({
  async put(key) {
    const write = () => table.put(accessKeyCodec.encode(key));
    await settle('accessKeys.put', table.limits, async () => ({ write }));
  },

  async find(id) {
    return table.get(accessKeyCodec, keys.accessKey(id));
  },

  async delete(id) {
    const write = () => table.remove(keys.accessKey(id));
    await settle('accessKeys.delete', table.limits, async () => ({ write }));
  },

  list: (projectId) => table.list(accessKeyCodec, projectId, 'ACCESS_KEY'),

  async issue(token) {
    const write = () => table.put(expiring(issuedTokenCodec.encode(token), token.expiresAtMs));
    await settle('accessKeys.issue', table.limits, async () => ({ write }));
  },

  async issued(tokenSha256) {
    return table.get(issuedTokenCodec, keys.issuedToken(tokenSha256));
  },
});
