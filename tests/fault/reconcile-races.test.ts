import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { dynamoCatalog } from '../../lib/adapters/aws/dynamo-catalog/dynamo-catalog.ts';
import type { Catalog } from '../../lib/ports/catalog.ts';
import { expectCode } from '../support/catalog-assertions.ts';
import { AT_MS, someSession } from '../support/catalog-records.ts';
import { startDynamo, type TestDynamo } from '../support/dynamo.ts';
import { faultyClient } from '../support/faulty-dynamo.ts';
import { givenReconciling, RECONCILE_WRITES } from '../support/reconcile-world.ts';

const LIMITS = { attemptsMax: 5, totalMsMax: 60_000, waitMs: 0, waitMsMax: 0 };

let dynamo: TestDynamo;
let healthy: Catalog;
let given: Awaited<ReturnType<typeof givenReconciling>>;
beforeAll(async () => {
  dynamo = await startDynamo();
  healthy = dynamoCatalog(dynamo.client, dynamo.tables.catalog, LIMITS);
});
afterAll(() => dynamo.close());

/** A catalog before whose first transaction `meddle` runs, in a world of its own. */
const meddled = async (meddle: () => Promise<unknown>): Promise<Catalog> => {
  given = await givenReconciling(healthy, randomUUID());
  let isFirst = true;
  const { client } = faultyClient(dynamo.client, (_, command) => {
    if (!isFirst || command !== 'TransactWriteCommand') return undefined;
    isFirst = false;
    return meddle;
  });
  return dynamoCatalog(client, dynamo.tables.catalog, LIMITS);
};

const OF_A_RUN = Object.keys(RECONCILE_WRITES).filter(
  (name) => !/createVault|begin|end$/.test(name),
);

it.each(OF_A_RUN)('%s is refused when another run takes the vault over meanwhile', async (name) => {
  const catalog = await meddled(() => healthy.reconciling.begin(given.vault.id, 'another'));
  await expectCode(RECONCILE_WRITES[name]!(catalog, given), 'cycle.superseded');
});

it('opens no session when a reconciliation begins meanwhile', async () => {
  const catalog = await meddled(() => healthy.reconciling.begin(given.vault.id, 'another'));
  await healthy.reconciling.end(given.run);
  const reader = someSession(given.visible, { kind: 'read' });
  await expectCode(catalog.sessions.open(reader), 'BackupService.6112');
});

it('keeps the name that a backup is given meanwhile', async () => {
  const rename = () =>
    healthy.backups.rename(given.vault.projectId, given.visible.id, 'renamed', AT_MS);
  const catalog = await meddled(rename);
  await RECONCILE_WRITES['reconciling.giveUp']!(catalog, given);
  expect(await healthy.backups.get(given.vault.projectId, given.visible.id)).toMatchObject({
    name: 'renamed',
    root: 'NONE',
  });
});

it('gives up nothing twice, and no deletion, when the backup is hidden meanwhile', async () => {
  const hide = () => healthy.backups.hide(given.vault.projectId, given.visible.id, AT_MS);
  const catalog = await meddled(hide);
  await RECONCILE_WRITES['reconciling.giveUp']!(catalog, given);
  const { root, status } = await healthy.backups.get(given.vault.projectId, given.visible.id);
  expect([root, status]).toEqual(['HIDDEN', 'deleted']);
  const { backupCount } = await healthy.vaults.usage(given.vault.id);
  expect(backupCount).toBe(0);
});
