import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { webhookNotifier } from '../../lib/adapters/local/webhook-notifier.ts';
import { memoryCatalog } from '../../lib/adapters/memory/memory-catalog.ts';
import { memoryCatalogState } from '../../lib/adapters/memory/memory-catalog-state.ts';
import { memoryNotifier } from '../../lib/adapters/memory/memory-notifier.ts';
import { memoryProbe } from '../../lib/adapters/memory/memory-probe.ts';
import { HoldfastError } from '../../lib/errors.ts';
import type { Notice } from '../../lib/model/notice.ts';
import { noticeFunction, noticeSchema } from '../../lib/runtime/notice-function.ts';
import { readSettings } from '../../lib/runtime/settings.ts';
import { tellVaultState } from '../../lib/service/tell-vault-state.ts';
import { watchJobs } from '../../lib/service/watch-jobs.ts';
import {
  backUp,
  beginBackup,
  bindDisk,
  type DataWorld,
  DISK,
  dataWorld,
  PROJECT,
  runJob,
} from '../support/data-world.ts';

const GIB = 2 ** 30;
const folder = new URL('../../events/notices/', import.meta.url);
const sample = (file: string): Notice =>
  noticeSchema.parse(JSON.parse(readFileSync(new URL(file, folder), 'utf8')));

const someWorld = async (vault: object = {}) => {
  const notifier = memoryNotifier();
  const state = memoryCatalogState();
  const world = await dataWorld({ notifier, catalog: memoryCatalog(state) });
  await world.disks.addDisk({ id: DISK, name: 'data', sizeBytes: 2 ** 20 });
  await world.disks.write(DISK, 0, Buffer.alloc(2 ** 20, 'x'));
  await bindDisk(world);
  await change(world, vault);
  /** The vault is used so far, as if others had written into it. */
  const use = (bytes: number) => {
    state.usage.get(world.vaultId)!.usedBytes = bytes;
  };
  return { world, sent: notifier.sent, notifier, use };
};

const vaultOf = ({ ports, vaultId }: DataWorld) => ports.catalog.vaults.get(PROJECT, vaultId);

const change = async (world: DataWorld, fields: object) =>
  world.ports.catalog.vaults.update({ ...(await vaultOf(world)), ...fields });

describe('a threshold', () => {
  it('is told once, until a backup ends under it', async () => {
    const { world, sent, use } = await someWorld({ threshold: 50 });
    await backUp(world);
    expect(sent).toEqual([]);
    use(50 * GIB);
    await backUp(world);
    await backUp(world);
    expect(sent).toEqual([
      {
        type: 'vault.threshold-reached',
        id: expect.stringContaining(world.vaultId),
        projectId: PROJECT,
        vaultId: world.vaultId,
        vaultName: 'vault',
        atMs: world.clock.nowMs(),
        usedBytes: expect.any(Number),
        sizeBytes: 100 * GIB,
        threshold: 50,
      },
    ]);
    await change(world, { sizeGib: 1000 });
    await backUp(world);
    expect(await vaultOf(world)).not.toHaveProperty('thresholdReachedAtMs');
    await change(world, { sizeGib: 60 });
    await backUp(world);
    expect(sent).toHaveLength(2);
  });

  it('is told again after the sweep has seen it under it', async () => {
    const { world, sent, use } = await someWorld({ threshold: 50 });
    const vault = { projectId: PROJECT, vaultId: world.vaultId };
    use(50 * GIB);
    await backUp(world);
    await tellVaultState(vault, world.ports);
    expect(sent).toHaveLength(1);
    use(49 * GIB);
    await tellVaultState(vault, world.ports);
    use(50 * GIB);
    await backUp(world);
    expect(sent).toHaveLength(2);
  });

  it('counts from the very byte', async () => {
    const { world, sent, use } = await someWorld({ threshold: 50 });
    await backUp(world);
    const { stats } = await backUp(world);
    use(50 * GIB - 1 - stats!.storedBytes);
    const next = await backUp(world);
    expect(next.stats!.storedBytes).toBe(stats!.storedBytes);
    expect(sent).toEqual([]);
    use(50 * GIB - stats!.storedBytes);
    await backUp(world);
    expect(sent).toHaveLength(1);
  });

  it('is not told to those who do not want to know, and is once they do', async () => {
    const { world, sent, use } = await someWorld({ smnNotify: false });
    use(99 * GIB);
    await backUp(world);
    expect(sent).toEqual([]);
    await change(world, { smnNotify: true });
    await backUp(world);
    expect(sent).toHaveLength(1);
  });

  it('is told later when it cannot be told now, and the backup is whole', async () => {
    const { world, sent, notifier, use } = await someWorld();
    const send = notifier.send.bind(notifier);
    notifier.send = async ({ id }) => {
      throw new HoldfastError('notifier.unavailable', { id });
    };
    use(99 * GIB);
    expect(await backUp(world)).toMatchObject({ status: 'available' });
    notifier.send = send;
    await backUp(world);
    expect(sent).toHaveLength(1);
  });
});

describe('a failed backup', () => {
  const failing = async (vault: object = {}) => {
    const given = await someWorld(vault);
    const { world } = given;
    const { event, backupId } = await beginBackup(world);
    const disks = {
      ...world.ports.disks,
      createSnapshot: async () => {
        throw new HoldfastError('disk.missing', { id: DISK });
      },
    };
    return { ...given, event, backupId, ports: { ...world.ports, disks } };
  };

  it('is told with its code', async () => {
    const { sent, world, event, backupId, ports } = await failing();
    await runJob('backup', event, ports);
    expect(sent).toEqual([
      {
        type: 'backup.failed',
        id: event.operationLogId,
        projectId: PROJECT,
        vaultId: world.vaultId,
        vaultName: 'vault',
        atMs: world.clock.nowMs(),
        operationLogId: event.operationLogId,
        backupId,
        backupName: 'backup',
        diskId: DISK,
        diskName: expect.any(String),
        code: 'BackupService.7000',
        message: expect.stringContaining(DISK),
      },
    ]);
    expect(noticeSchema.parse(sent[0])).toEqual(sent[0]);
  });

  it('is not told when it was cancelled, or when nobody wants to know', async () => {
    const { sent, world, event } = await failing();
    const { operationLogId } = event;
    await world.ports.catalog.tasks.requestCancel(PROJECT, operationLogId, world.clock.nowMs());
    await runJob('backup', event, world.ports);
    expect(sent).toEqual([]);
    const quiet = await failing({ smnNotify: false });
    await runJob('backup', quiet.event, quiet.ports);
    expect(quiet.sent).toEqual([]);
  });

  it('is told when the watchdog gives it up', async () => {
    const { sent, world, event } = await failing();
    for (let round = 0; round < 8; round++) {
      world.clock.advance(3_600_000);
      await watchJobs(world.ports);
    }
    const task = await world.ports.catalog.tasks.get(PROJECT, event.operationLogId);
    expect(task.status).toBe('timeout');
    expect(sent).toMatchObject([{ type: 'backup.failed', id: event.operationLogId }]);
  });
});

describe('the function that delivers notices', () => {
  const files = readdirSync(folder);

  it.each(files)('logs %s, hands it on and answers with it', async (file) => {
    const [probe, receiver] = [memoryProbe(), memoryNotifier()];
    const notice = sample(file);
    expect(await noticeFunction(() => ({ receiver, probe }))(notice)).toEqual(notice);
    expect(receiver.sent).toEqual([notice]);
    expect(await noticeFunction(() => ({ receiver: null, probe }))(notice)).toEqual(notice);
    const { type, ...facts } = notice;
    const flat = Object.entries(facts).map(([name, fact]: [string, unknown]) => [
      name,
      Array.isArray(fact) ? JSON.stringify(fact) : fact,
    ]);
    const logged = { event: `notice.${type}`, facts: Object.fromEntries(flat) };
    expect(probe.notes).toEqual([logged, logged]);
  });

  it.each([{}, null, 'text', { type: 'other' }, { ...sample('backup-failed.json'), more: 1 }])(
    'refuses %j',
    async (event) => {
      const world = { receiver: memoryNotifier(), probe: memoryProbe() };
      await expect(noticeFunction(() => world)(event)).rejects.toThrow();
      expect(world.receiver.sent).toEqual([]);
    },
  );
});

describe('a webhook', () => {
  const servers: { close: () => void }[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  const listen = async (status: number | null) => {
    const got: { type: unknown; body: unknown }[] = [];
    const server = createServer((request, response) => {
      let text = '';
      request.on('data', (chunk: Buffer) => (text += chunk.toString()));
      request.on('end', () => {
        got.push({ type: request.headers['x-holdfast-notice'], body: JSON.parse(text) });
        if (status !== null) response.writeHead(status, { location: '/' }).end('ok');
      });
    });
    servers.push({ close: () => server.closeAllConnections() });
    servers.push({ close: () => server.close() });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return { got, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook` };
  };

  it('gets each notice as JSON', async () => {
    const { got, url } = await listen(204);
    const notice = sample('threshold-reached.json');
    await webhookNotifier(url).send(notice);
    expect(got).toEqual([{ type: 'vault.threshold-reached', body: notice }]);
  });

  it.each([302, 404, 500, null])('fails when it answers %p', async (status) => {
    const { url } = await listen(status);
    const sending = webhookNotifier(url, 300).send(sample('backup-failed.json'));
    await expect(sending).rejects.toMatchObject({ code: 'notifier.unavailable' });
  });

  it('is reached over https alone, but for local mode', () => {
    const base = {
      HOLDFAST_BUCKET: 'bucket',
      HOLDFAST_CATALOG_TABLE: 'catalog',
      HOLDFAST_BLOCKS_TABLE: 'blocks',
      HOLDFAST_FUNCTIONS: 'f',
      HOLDFAST_DISKS: 'none',
      HOLDFAST_KEYS: 'kms:k',
      HOLDFAST_REGION: 'r',
      HOLDFAST_ZONE: 'z',
    };
    const read = (url: string, more = {}) =>
      readSettings({ ...base, HOLDFAST_WEBHOOK: url, ...more }).HOLDFAST_WEBHOOK;
    expect(read('https://example.com/hook')).toBe('https://example.com/hook');
    expect(read('http://127.0.0.1:1/', { IS_OFFLINE: 'true' })).toBe('http://127.0.0.1:1/');
    for (const url of ['http://example.com', 'ftp://example.com', 'x']) {
      expect(() => read(url)).toThrow('HOLDFAST_WEBHOOK');
    }
  });
});
