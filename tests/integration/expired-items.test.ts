import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { dynamoCatalog } from '../../lib/adapters/aws/dynamo-catalog/dynamo-catalog.ts';
import { removeExpired } from '../../local/expired-items.ts';
import { startDynamo, type TestDynamo } from '../support/dynamo.ts';

let dynamo: TestDynamo;
beforeAll(async () => {
  dynamo = await startDynamo();
});
afterAll(() => dynamo.close());

it('removes what has expired and nothing else', async () => {
  const { client, tables } = dynamo;
  const { accessKeys, credentials, requests } = dynamoCatalog(client, tables.catalog);
  const nowMs = Date.parse('2026-11-21T08:15:00Z');
  const [past, future] = [nowMs - 1000, nowMs + 1000];
  const signed = { accessKeyId: 'A', signature: 's', requestId: 'r1' };
  await requests.admitOnce({ ...signed, untilMs: past });
  await requests.admitOnce({ ...signed, signature: 'alive', untilMs: future });
  for (let n = 0; n < 30; n++)
    await requests.count({ credentialId: 'A', atMs: nowMs - (100 + n) * 1000, max: 1 });
  await requests.count({ credentialId: 'A', atMs: nowMs, max: 1 });
  const issued = { accessKeyId: 'A', createdAtMs: past - 1 };
  await accessKeys.issue({ ...issued, tokenSha256: 'gone', expiresAtMs: past });
  await accessKeys.issue({ ...issued, tokenSha256: 'alive', expiresAtMs: future });
  const grant = { projectId: 'p', userId: 'u', role: 'Full', createdAtMs: past - 1 } as const;
  await credentials.put({ ...grant, tokenSha256: 'c', expiresAtMs: past });

  expect(await removeExpired(client, tables.catalog, nowMs)).toBe(32);
  expect(await removeExpired(client, tables.catalog, nowMs)).toBe(0);
  expect(await requests.admitOnce({ ...signed, requestId: 'r2', untilMs: past })).toBe(true);
  const again = { ...signed, signature: 'alive', requestId: 'r2', untilMs: future };
  expect(await requests.admitOnce(again)).toBe(false);
  expect(await requests.count({ credentialId: 'A', atMs: nowMs, max: 1 })).toBe(false);
  expect(await accessKeys.issued('gone')).toBeNull();
  expect(await accessKeys.issued('alive')).not.toBeNull();
  // An operator sees which credentials have ended.
  expect(await credentials.find('c')).not.toBeNull();
});
