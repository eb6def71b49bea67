import { type DynamoDBDocumentClient, ScanCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { describe, it } from '@jest/globals';
import { dynamoCatalog } from '../../lib/adapters/aws/dynamo-catalog/dynamo-catalog.ts';
import { type ItemKey, keys } from '../../lib/adapters/aws/dynamo-catalog/keys.ts';
import { memoryCatalog } from '../../lib/adapters/memory/memory-catalog.ts';
import { inVault, memoryCatalogState } from '../../lib/adapters/memory/memory-catalog-state.ts';
import type { CatalogUnderTest } from '../conformance/catalog.suite.ts';
import { openDynamo, startDynamo, type TestDynamo } from './dynamo.ts';

/** Runs a suite on each kind of catalog; on a DynamoDB that somebody brings, too. */
export const onEveryCatalog = (
  suite: (name: string, start: () => Promise<CatalogUnderTest>) => void,
): void => {
  suite('memory', memoryCatalogUnderTest);
  suite('DynamoDB, the local emulator', async () => dynamoCatalogUnderTest(await startDynamo()));
  const endpoint = process.env['HOLDFAST_TEST_DYNAMO_ENDPOINT'];
  if (endpoint !== undefined)
    suite(`DynamoDB at ${endpoint}`, async () =>
      dynamoCatalogUnderTest(await openDynamo(endpoint)));
  else
    describe('another DynamoDB', () => {
      it.todo('not run: HOLDFAST_TEST_DYNAMO_ENDPOINT is not set');
    });
};

/** A catalog in memory, and what the collector will do to it. */
const memoryCatalogUnderTest = async (): Promise<CatalogUnderTest> => {
  const state = memoryCatalogState();
  return {
    catalog: memoryCatalog(state),
    async setEpoch(vaultId, epoch) {
      state.epochs.set(vaultId, epoch);
    },
    async setPackState(vaultId, packId, packState) {
      state.packs.get(inVault(vaultId, packId))!.state = packState;
    },
    async itemsOf(vaultId) {
      const isOwn = (record: { vaultId?: string }) => record.vaultId === vaultId;
      const { epochs, usage, vaults, runs } = state;
      const byVault = [epochs, usage, vaults, runs].filter((kept) => kept.has(vaultId));
      const { packs, sessions, backups, keys: vaultKeys, bindings, applied } = state;
      const others = [packs, sessions, backups, vaultKeys, bindings, applied];
      return byVault.length + others.flatMap((kept) => [...kept.values()].filter(isOwn)).length;
    },
    async close() {},
  };
};

/** A catalog in DynamoDB, and what the collector will do to it. */
const dynamoCatalogUnderTest = async (dynamo: TestDynamo): Promise<CatalogUnderTest> => {
  const { client, tables } = dynamo;
  return {
    catalog: dynamoCatalog(client, tables.catalog),
    setEpoch: (vaultId, epoch) => setAttribute(dynamo, keys.epoch(vaultId), 'epoch', epoch),
    setPackState: (vaultId, packId, state) =>
      setAttribute(dynamo, keys.pack(vaultId, packId), 'state', state),
    async itemsOf(vaultId) {
      const { Items = [] } = await client.send(new ScanCommand({ TableName: tables.catalog }));
      // Operation logs, restore points and the usage ledger outlive the vault.
      const isOwn = ({ pk, sk }: Record<string, unknown>) =>
        pk !== 'LEDGER' && (String(pk).includes(vaultId) || String(sk).includes(vaultId));
      return Items.filter(isOwn).length;
    },
    close: () => dynamo.close(),
  };
};

/** Sets one attribute behind the catalog's back. */
export const setAttribute = async (
  { client, tables }: { client: DynamoDBDocumentClient; tables: { catalog: string } },
  key: ItemKey,
  name: string,
  value: unknown,
): Promise<void> => {
  await client.send(
    new UpdateCommand({
      TableName: tables.catalog,
      Key: key,
      UpdateExpression: 'SET #name = :value',
      ExpressionAttributeNames: { '#name': name },
      ExpressionAttributeValues: { ':value': value },
    }),
  );
};
