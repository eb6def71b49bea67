import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { type LocalDisks, localDisks } from '../../lib/adapters/local/local-disks.ts';
import { BLOCK_BYTES } from '../../lib/model/block.ts';
import type { ApiClient } from '../../local/api-client.ts';
import { disksFolder } from '../../local/home.ts';
import { type LocalMode, type Part, sleep } from './local-mode.ts';

const MIB = 2 ** 20;
const GIB = 2 ** 30;
/** Three segments and a little of a fourth, which ends within a block. */
export const DISK_BYTES = 3 * GIB + 300_000;
/** All that is written lies in these places, so that many trials do not fill the disk. */
const PLACES = 60;
const PLACE_BYTES = 2 * MIB;
const WRITES = 15;
const READ_BLOCKS = 8;
const SETTLE_MS = 180_000;
const POLL_MS = 100;

const OPERATIONS = ['backup', 'restore', 'restore to a new disk'] as const;
type Operation = (typeof OPERATIONS)[number];
const VICTIMS: readonly Part[] = ['all', 'dynamo', 's3', 'functions', 'parent'];

/** What came of one trial, for the record. */
export interface TrialResult {
  seed: number;
  operation: Operation;
  victim: Part;
  killedAfterMs: number;
  /** The task was there and had not ended when it happened. */
  interrupted: boolean;
  /** How the task ended; `refused` when the request did not get through, so that there is none. */
  outcome: string;
  code?: string;
}

interface Task {
  id: string;
  operation_type: string;
  status: string;
  ended_at: string | null;
  error_info: { code: string; message: string };
  extra_info: { backup?: { backup_id: string }; restore?: { target_resource_id: string } };
}

interface Good {
  backupId: string;
  digest: string;
}

/** Local mode with a vault and a disk, in which processes are killed again and again. */
export class KillTrials {
  readonly #mode: LocalMode;
  readonly #disks: LocalDisks;
  readonly #diskId = randomUUID();
  #vaultId = '';
  /** The newest backup that is known to be good. */
  #good: Good = { backupId: '', digest: '' };
  /** How long the last backup took that nobody disturbed. */
  #usualMs = 0;

  constructor(mode: LocalMode) {
    this.#mode = mode;
    this.#disks = localDisks({ root: disksFolder(mode.home) });
  }

  /** Starts local mode, makes the disk and backs it up twice, undisturbed. */
  async prepare(): Promise<void> {
    await this.#mode.start();
    await this.#disks.addDisk({ id: this.#diskId, name: 'trial', sizeBytes: DISK_BYTES });
    await this.#write(Math.random, 2 * PLACES);
    const client = await this.#mode.client();
    this.#vaultId = await client.createVault('trials', 100);
    await client.addDisk(this.#vaultId, this.#diskId);
    await this.#backUp(client);
    await this.#write(Math.random, WRITES);
    await this.#backUp(client);
  }

  /** Kills something at a moment of an operation, starts again, throws when anything is lost. */
  async run(seed: number): Promise<TrialResult> {
    const random = seeded(seed);
    const operation = OPERATIONS[seed % OPERATIONS.length] as Operation;
    const victim = VICTIMS[seed % VICTIMS.length] as Part;
    const killedAfterMs = Math.round(random() * 1.2 * this.#usualMs);
    await this.#write(random, WRITES);
    const before = { digest: await this.#digest(this.#diskId), tasks: await this.#tasks() };

    const client = await this.#mode.client();
    const request = this.#begin(operation, client).catch(() => undefined);
    await sleep(killedAfterMs);
    const killedAtMs = Date.now();
    await this.#killAndRestart(victim, before.digest);
    await request;
    await this.#settle();

    const known = new Set(before.tasks.map(({ id }) => id));
    const [task, ...others] = (await this.#tasks()).filter(({ id }) => !known.has(id));
    if (others.length > 0) throw new Error('One request made several tasks.');
    if (operation === 'backup') await this.#checkBackup(task, before.digest);
    else if (operation === 'restore') await this.#checkRestore(task, before.digest);
    else await this.#checkNewDisk(task);
    await this.#checkNothingHalfDone();
    await this.#backUp(await this.#mode.client());
    await this.#checkRestores(this.#good);
    const code = task?.error_info.code;
    const outcome = task?.status ?? 'refused';
    const interrupted = task !== undefined && endedAtMs(task) > killedAtMs;
    const result = { seed, operation, victim, killedAfterMs, interrupted, outcome };
    return code ? { ...result, code } : result;
  }

  async #begin(operation: Operation, client: ApiClient): Promise<void> {
    if (operation === 'backup') await client.startBackup(this.#vaultId, this.#diskId);
    else if (operation === 'restore') await client.startRestore(this.#good.backupId, this.#diskId);
    else await client.startNewDisk(this.#good.backupId, 'new');
  }

  async #killAndRestart(victim: Part, oldDigest: string): Promise<void> {
    const mode = this.#mode;
    await mode.kill(victim);
    const end = await mode.ended();
    const expected = victim === 'all' || victim === 'parent' ? 'SIGKILL' : 1;
    if (end !== expected) throw new Error(`npm start ended with ${end}: ${mode.output}`);
    const left = await mode.processes();
    if (victim !== 'parent') {
      if (left.length > 0) throw new Error(`Still there: ${JSON.stringify(left)}`);
      await this.#requireWhole(oldDigest);
    }
    await mode.start();
  }

  /** The disk has its old bytes or those of the backup, whole. */
  async #requireWhole(oldDigest: string): Promise<string> {
    const digest = await this.#digest(this.#diskId);
    if (digest !== oldDigest && digest !== this.#good.digest)
      throw new Error('The disk has some bytes of each.');
    return digest;
  }

  /** Waits until no task is under way. What never got started is found by the watchdog. */
  async #settle(): Promise<void> {
    const deadline = performance.now() + SETTLE_MS;
    for (;;) {
      const open = (await this.#tasks()).filter(({ status }) =>
        ['waiting', 'running'].includes(status),
      );
      if (open.length === 0) return;
      if (performance.now() > deadline) throw new Error(`Tasks never end: ${JSON.stringify(open)}`);
      await sleep(POLL_MS);
    }
  }

  async #checkBackup(task: Task | undefined, digest: string): Promise<void> {
    const backupId = task?.extra_info.backup?.backup_id;
    if (task === undefined || backupId === undefined) return;
    const status = await this.#statusOf(backupId);
    if (task.status === 'success') {
      if (status !== 'available') throw new Error(`A successful backup is ${status}.`);
      await this.#checkRestores({ backupId, digest });
      this.#good = { backupId, digest };
    } else {
      requireReason(task);
      if (status !== 'error') throw new Error(`A failed backup is ${status}.`);
    }
  }

  async #checkRestore(task: Task | undefined, oldDigest: string): Promise<void> {
    const digest = await this.#requireWhole(oldDigest);
    const expected = task?.status === 'success' ? this.#good.digest : oldDigest;
    if (digest !== expected) throw new Error('The disk does not have what the task says.');
    if (task !== undefined && task.status !== 'success') requireReason(task);
  }

  async #checkNewDisk(task: Task | undefined): Promise<void> {
    const diskId = task?.extra_info.restore?.target_resource_id;
    if (task === undefined || diskId === undefined) return;
    if (task.status !== 'success') {
      requireReason(task);
      return;
    }
    if ((await this.#digest(diskId)) !== this.#good.digest)
      throw new Error('The new disk differs from the backup.');
    await this.#disks.deleteDisk(diskId);
  }

  /** Nothing is left in a state that something should end; the disk is free again. */
  async #checkNothingHalfDone(): Promise<void> {
    const client = await this.#mode.client();
    const { backups } = await client.call<{ backups: { status: string }[] }>(
      'GET',
      'backups?limit=1000',
    );
    const odd = backups.find(({ status }) => status !== 'available' && status !== 'error');
    if (odd !== undefined) throw new Error(`A backup stays ${odd.status}.`);
    const { status } = await this.#disks.describe(this.#diskId);
    if (status !== 'available') throw new Error(`The disk stays ${status}.`);
  }

  /** Backs the disk up with nobody disturbing, and notes how long it takes now. */
  async #backUp(client: ApiClient): Promise<void> {
    const digest = await this.#digest(this.#diskId);
    const beganMs = Date.now();
    const { backupId, taskId } = await client.startBackup(this.#vaultId, this.#diskId);
    await client.waitFor(taskId);
    this.#good = { backupId, digest };
    // By the task itself: whoever polls it learns of its end half a second later.
    const task = (await this.#tasks()).find(({ id }) => id === taskId);
    this.#usualMs = endedAtMs(task as Task) - beganMs;
  }

  /** The backup verifies, all of it, and restores byte for byte. */
  async #checkRestores({ backupId, digest }: Good): Promise<void> {
    const client = await this.#mode.client();
    await client.waitFor(await client.startVerify(backupId, 100));
    if ((await this.#statusOf(backupId)) !== 'available')
      throw new Error('The backup does not verify.');
    const { diskId, taskId } = await client.startNewDisk(backupId);
    await client.waitFor(taskId);
    if ((await this.#digest(diskId)) !== digest)
      throw new Error('The backup restores other bytes.');
    await this.#disks.deleteDisk(diskId);
  }

  async #tasks(): Promise<Task[]> {
    const client = await this.#mode.client();
    const tasks: Task[] = [];
    for (let offset = 0; ; offset = tasks.length) {
      const { operation_logs: page } = await client.call<{ operation_logs: Task[] }>(
        'GET',
        `operation-logs?limit=1000&offset=${offset}`,
      );
      tasks.push(...page);
      if (page.length < 1000) return tasks;
    }
  }

  async #statusOf(backupId: string): Promise<string> {
    const client = await this.#mode.client();
    return (await client.call<{ backup: { status: string } }>('GET', `backups/${backupId}`)).backup
      .status;
  }

  /** Puts random bytes at some of the places, which are spread all over the disk. */
  async #write(random: () => number, count: number): Promise<void> {
    for (let n = 0; n < count; n++) {
      const offset = Math.floor(random() * PLACES) * Math.floor(DISK_BYTES / PLACES);
      await this.#disks.write(this.#diskId, offset, randomBytes(PLACE_BYTES));
    }
    // The tail, so that the last segment and its odd block change too.
    await this.#disks.write(this.#diskId, DISK_BYTES - 1000, randomBytes(1000));
  }

  /** SHA-256 of a disk's blocks that are not all zeros, with their places. */
  async #digest(diskId: string): Promise<string> {
    const hash = createHash('sha256');
    const { id, sizeBytes } = await this.#disks.createSnapshot(diskId, randomUUID());
    hash.update(String(sizeBytes));
    const all = { from: 0, to: Math.ceil(sizeBytes / BLOCK_BYTES) };
    for (const { from, to } of await this.#disks.allocatedBlocks(id, all)) {
      for (let at = from; at < to; at += READ_BLOCKS) {
        const range = { from: at, to: Math.min(to, at + READ_BLOCKS) };
        const bytes = await this.#disks.readBlocks(id, range);
        for (let block = range.from; block < range.to; block++) {
          const start = (block - range.from) * BLOCK_BYTES;
          const one = bytes.subarray(start, start + BLOCK_BYTES);
          if (!ZEROS.equals(one)) hash.update(`block ${block}:`).update(one);
        }
      }
    }
    await this.#disks.deleteSnapshot(id);
    return hash.digest('hex');
  }
}

const ZEROS = Buffer.alloc(BLOCK_BYTES);

const requireReason = ({ id, status, error_info: { code, message } }: Task): void => {
  if (!['failed', 'timeout'].includes(status)) throw new Error(`Task ${id} is ${status}.`);
  if (code === '' || message === '') throw new Error(`Task ${id} failed and does not say why.`);
};

const endedAtMs = ({ ended_at: text }: Task): number => Date.parse(text ?? '');

/** The same numbers for the same seed (mulberry32). */
const seeded = (seed: number): (() => number) => {
  let state = Math.imul(seed, 0x9e3779b9) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};
