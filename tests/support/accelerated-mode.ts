import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { DynamoDBClient, paginateScan } from '@aws-sdk/client-dynamodb';
import { fileClock, moveClock } from '../../lib/adapters/local/file-clock.ts';
import { type LocalDisks, localDisks } from '../../lib/adapters/local/local-disks.ts';
import type { ApiClient } from '../../local/api-client.ts';
import type { SCHEDULED } from '../../local/clock-command.ts';
import {
  clockFile,
  disksFolder,
  REGION,
  readIdentity,
  s3Folder,
  TABLES,
} from '../../local/home.ts';
import { invoke } from '../../local/invoke.ts';
import { LocalMode, sleep, untilSchedulesRest } from './local-mode.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const POLL_MS = 50;
const SETTLE_MS = 120_000;

/** A backup as a caller sees it. */
export interface ShownBackup {
  id: string;
  name: string;
  status: string;
  checkpoint_id: string;
  resource_id: string;
  created_at: string;
  expired_at: string | null;
  incremental: boolean;
  extend_info: { auto_trigger: boolean; incremental: boolean };
}

export interface ShownTask {
  id: string;
  status: string;
  operation_type: string;
  policy_id: string | null;
  error_info: { code: string; message: string };
}

interface ShownVault {
  id: string;
  billing: { size: number; used: number; status: string };
  resources: { id: string; backup_count: number; backup_size: number; protect_status: string }[];
}

/**
 * Local mode whose days pass at once. What runs by schedule is fired by the test, through the
 * Lambda endpoint. The schedules fire too, at each full minute of the machine: they find nothing to
 * do, because no time passes just then.
 */
export class AcceleratedMode {
  readonly mode: LocalMode;
  readonly client: ApiClient;
  readonly disks: LocalDisks;

  private constructor(mode: LocalMode, client: ApiClient) {
    this.mode = mode;
    this.client = client;
    this.disks = localDisks({ root: disksFolder(mode.home), nowMs: () => this.nowMs() });
  }

  /** Starts in a home of its own, at a time such as `2026-08-03T10:00Z`, in the past or not. */
  static async start(at: string, env: Record<string, string> = {}): Promise<AcceleratedMode> {
    const mode = await LocalMode.create(env);
    await mkdir(mode.home, { recursive: true });
    await moveClock(clockFile(mode.home), Date.parse(at) - Date.now());
    await mode.start();
    return new AcceleratedMode(mode, await mode.client());
  }

  nowMs(): number {
    return fileClock(clockFile(this.mode.home)).nowMs();
  }

  /** Lets the time pass until then; nothing may be under way. */
  async moveTo(at: string | number): Promise<void> {
    await this.settled();
    await untilSchedulesRest();
    const byMs = (typeof at === 'number' ? at : Date.parse(at)) - this.nowMs();
    if (byMs < 0) throw new Error(`${at} is past: time does not go back.`);
    await moveClock(clockFile(this.mode.home), byMs);
  }

  /** Runs a scheduled function once. */
  fire(name: (typeof SCHEDULED)[number]) {
    return invoke(name, this.mode.ports.lambda);
  }

  /** Waits until no task is under way. */
  async settled(): Promise<void> {
    const deadline = performance.now() + SETTLE_MS;
    for (;;) {
      const tasks = await this.tasks();
      const open = tasks.filter(({ status }) => status === 'waiting' || status === 'running');
      if (open.length === 0) return;
      if (performance.now() > deadline) throw new Error(`Never ends: ${JSON.stringify(open)}`);
      await sleep(POLL_MS);
    }
  }

  async tasks(query = ''): Promise<ShownTask[]> {
    const { operation_logs: found } = await this.client.call<{ operation_logs: ShownTask[] }>(
      'GET',
      `operation-logs?limit=1000${query}`,
    );
    return found;
  }

  /** A disk with these bytes. */
  async addDisk(bytes: Uint8Array, name = 'disk'): Promise<string> {
    const id = randomUUID();
    await this.disks.importDisk({ id, name, source: Readable.from([bytes]) });
    return id;
  }

  async addVault(diskIds: readonly string[], more: object = {}): Promise<string> {
    const billing = {
      consistent_level: 'crash_consistent',
      object_type: 'disk',
      protect_type: 'backup',
      size: 10,
    };
    const resources = diskIds.map((id) => ({ id, type: 'OS::Cinder::Volume' }));
    const vault = { name: 'vault', billing, resources, ...more };
    return (await this.client.call<{ vault: { id: string } }>('POST', 'vaults', { vault })).vault
      .id;
  }

  async vault(id: string): Promise<ShownVault> {
    return (await this.client.call<{ vault: ShownVault }>('GET', `vaults/${id}`)).vault;
  }

  /** In MB, as CBR counts it. */
  async usedMb(vaultId: string): Promise<number> {
    return (await this.vault(vaultId)).billing.used;
  }

  /** Backs a disk up by hand and waits. */
  async backUp(vaultId: string, diskId: string): Promise<{ id: string; outcome: Outcome }> {
    const { backupId, taskId } = await this.client.startBackup(vaultId, diskId);
    const { outcome } = await this.client.waitFor(taskId);
    return { id: backupId, outcome: outcome as unknown as Outcome };
  }

  /** What callers see, the oldest first. */
  async backups(query = ''): Promise<ShownBackup[]> {
    const path = `backups?sort=created_at:asc&limit=1000${query}`;
    return (await this.client.call<{ backups: ShownBackup[] }>('GET', path)).backups;
  }

  /** When the backups that callers see were made: `08-09T02:00`. */
  async days(query = ''): Promise<string[]> {
    return (await this.backups(query)).map(({ created_at: at }) => at.slice(5, 16));
  }

  /** Makes a new disk of a backup; its bytes. The disk is deleted again. */
  async restored(backupId: string): Promise<Buffer> {
    const { diskId, taskId } = await this.client.startNewDisk(backupId);
    await this.client.waitFor(taskId);
    const bytes = await this.bytesOf(diskId);
    await this.disks.deleteDisk(diskId);
    return bytes;
  }

  async bytesOf(diskId: string): Promise<Buffer> {
    const folder = await mkdtemp(join(tmpdir(), 'holdfast-export-'));
    try {
      await this.disks.exportDisk(diskId, join(folder, 'disk'));
      return await readFile(join(folder, 'disk'));
    } finally {
      await rm(folder, { recursive: true });
    }
  }

  /** Makes a policy and applies it to a vault; its id. */
  async protect(
    vaultId: string,
    pattern: string,
    retention: object = {},
    name = 'policy',
  ): Promise<string> {
    const policy = {
      name,
      operation_type: 'backup',
      trigger: { properties: { pattern: [pattern] } },
      operation_definition: retention,
    };
    const made = await this.client.call<{ policy: { id: string } }>('POST', 'policies', { policy });
    const { id } = made.policy;
    await this.client.call('POST', `vaults/${vaultId}/associatepolicy`, { policy_id: id });
    return id;
  }

  changePolicy(id: string, policy: object): Promise<unknown> {
    return this.client.call('PUT', `policies/${id}`, { policy });
  }

  /**
   * Lives through days up to 10:00 of the last one: at `hour` (UTC) policies run, at 08:00 or after
   * it retention sweeps. To be called between 08:00 and midnight, before `hour` has come.
   */
  async passDays(count: number, hour = 2): Promise<void> {
    for (let day = 0; day < count; day++) {
      const midnightMs = Math.ceil(this.nowMs() / DAY_MS) * DAY_MS;
      await this.moveTo(midnightMs + hour * HOUR_MS);
      await this.fire('run-policies');
      await this.moveTo(midnightMs + Math.max(8, hour) * HOUR_MS);
      await this.fire('retention-sweep');
      if (hour < 10) await this.moveTo(midnightMs + 10 * HOUR_MS);
    }
  }

  /** A command of the CLI that must succeed; its JSON. */
  async run<T = Record<string, unknown>>(...args: string[]): Promise<T> {
    if (args[0] === 'clock' || args[0] === 'collect') await untilSchedulesRest();
    const { code, stdout, stderr } = await this.mode.run('cli.ts', [...args, '--json']);
    if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${stderr}`);
    return JSON.parse(stdout) as T;
  }

  /** Objects that the S3 server keeps, old versions apart. */
  async objects(): Promise<number> {
    const folder = join(s3Folder(this.mode.home), 'objects');
    const found = await readdir(folder, { recursive: true, withFileTypes: true });
    return found.filter((entry) => entry.isFile()).length;
  }

  /** The keys of all items of both tables of the catalog: `TASK#...`, `VAULT#.../PACK#...`. */
  async items(): Promise<string[]> {
    const { s3: credentials } = await readIdentity(this.mode.home);
    const endpoint = `http://127.0.0.1:${this.mode.ports.dynamo}`;
    const client = new DynamoDBClient({ endpoint, region: REGION, credentials });
    const found: string[] = [];
    for (const TableName of Object.values(TABLES)) {
      for await (const { Items = [] } of paginateScan({ client }, { TableName }))
        found.push(...Items.map(({ pk, sk }) => `${pk?.S}/${sk?.S ?? ''}`));
    }
    client.destroy();
    return found;
  }

  dispose(): Promise<void> {
    return this.mode.dispose();
  }
}

/** Bytes of a backup by what became of them. */
export interface Outcome {
  zeroBytes: number;
  unchangedBytes: number;
  newBytes: number;
  storedBytes: number;
}
