import { randomBytes, randomInt, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { BLOCK_BYTES } from '../../lib/model/block.ts';
import { ApiError } from '../../local/api-client.ts';
import type { AcceleratedMode } from './accelerated-mode.ts';

const DISKS = 8;
const COLLECTORS = 2;
const DISK_BLOCKS = 16;
const WRITES_MAX = 6;
/** Backups of a disk that are kept; more are deleted, any of them. */
const KEPT_MAX = 3;
/** Each disk has so many backups at least, however slow the machine is: some are deleted. */
const ROUNDS_MIN = 5;
/** Blocks that all disks have in common, so that they share packs. */
const COMMON_BLOCKS = 24;
const MINUTE_MS = 60_000;
const ZEROS = Buffer.alloc(BLOCK_BYTES);

/** What happened, for the record. */
export interface StormResult {
  seconds: number;
  disks: number;
  collectors: number;
  backups: number;
  deleted: number;
  undeleted: number;
  /** The collector had been there before. */
  tooLateToUndelete: number;
  restoredMeanwhile: number;
  verifiedMeanwhile: number;
  collections: number;
  /** Collections that another one took the vault from. */
  superseded: number;
  freedBytes: number;
  /** At the end: backups that the API verified, and that came back byte for byte. */
  verified: number;
  restored: number;
}

/** A backup that must be there, and what the disk held when it was made. */
interface Kept {
  backupId: string;
  blocks: Buffer[];
}

/**
 * Eight disks of one vault that change, are backed up, restored and verified all at once, of whose
 * backups some are deleted and taken back, while two collectors, each a process of its own, collect
 * the vault without a pause. Throws when anything is lost, or fails.
 */
export class Storm {
  readonly #world: AcceleratedMode;
  readonly #endsAtMs: number;
  readonly #common = Array.from({ length: COMMON_BLOCKS }, () => randomBytes(BLOCK_BYTES));
  readonly #result: StormResult;
  #vaultId = '';

  constructor(world: AcceleratedMode, seconds: number) {
    this.#world = world;
    this.#endsAtMs = performance.now() + seconds * 1000;
    const zeros = { deleted: 0, undeleted: 0, tooLateToUndelete: 0, superseded: 0, freedBytes: 0 };
    this.#result = {
      seconds,
      disks: DISKS,
      collectors: COLLECTORS,
      backups: 0,
      ...zeros,
      restoredMeanwhile: 0,
      verifiedMeanwhile: 0,
      collections: 0,
      verified: 0,
      restored: 0,
    };
  }

  async run(): Promise<StormResult> {
    const disks = Array.from({ length: DISKS }, () => randomUUID());
    const sizeBytes = DISK_BLOCKS * BLOCK_BYTES;
    for (const id of disks) await this.#world.disks.addDisk({ id, name: id, sizeBytes });
    this.#vaultId = await this.#world.addVault(disks);
    const lives = allOrFirstFailure(disks.map((id) => this.#live(id)));
    const collectors = Array.from({ length: COLLECTORS }, () => this.#collectUntil(lives));
    const [kept] = await allOrFirstFailure([lives, ...collectors]);
    // The last deletions cannot be taken back any more: what they leave goes too.
    await this.#world.moveTo(this.#world.nowMs() + MINUTE_MS);
    await this.#collect();
    await this.#check((kept ?? []).flat());
    return this.#result;
  }

  /** The life of a disk; gives its backups that must be there in the end. */
  async #live(diskId: string): Promise<Kept[]> {
    const blocks: Buffer[] = Array.from({ length: DISK_BLOCKS }, () => ZEROS);
    const kept: Kept[] = [];
    const deleted: Kept[] = [];
    for (let round = 0; round < ROUNDS_MIN || performance.now() < this.#endsAtMs; round++) {
      await this.#change(diskId, blocks);
      const { id: backupId } = await this.#world.backUp(this.#vaultId, diskId);
      kept.push({ backupId, blocks: [...blocks] });
      this.#result.backups++;
      while (kept.length > KEPT_MAX) deleted.push(await this.#delete(takeAny(kept)));
      if (deleted.length > 0 && randomInt(2) === 0) {
        const one = takeAny(deleted);
        if (await this.#undelete(one)) kept.push(one);
      }
      await this.#look(kept);
    }
    return kept;
  }

  /** Writes a few blocks: common ones, zeros, new ones. */
  async #change(diskId: string, blocks: Buffer[]): Promise<void> {
    for (let writes = randomInt(1, WRITES_MAX + 1); writes > 0; writes--) {
      const at = randomInt(DISK_BLOCKS);
      const kind = randomInt(4);
      const common = this.#common[randomInt(COMMON_BLOCKS)] as Buffer;
      const block = kind === 0 ? ZEROS : kind === 1 ? randomBytes(BLOCK_BYTES) : common;
      await this.#world.disks.write(diskId, at * BLOCK_BYTES, block);
      blocks[at] = block;
    }
  }

  async #delete(one: Kept): Promise<Kept> {
    await this.#world.client.call('DELETE', `backups/${one.backupId}`);
    this.#result.deleted++;
    return one;
  }

  /** False when the backup has been removed meanwhile: it must not come back by half. */
  async #undelete({ backupId }: Kept): Promise<boolean> {
    try {
      await this.#world.client.call('POST', `backups/${backupId}/undelete`);
      this.#result.undeleted++;
      return true;
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
      this.#result.tooLateToUndelete++;
      return false;
    }
  }

  /** Now and then a backup is restored, or verified, in the middle of it all. */
  async #look(kept: readonly Kept[]): Promise<void> {
    const one = kept[randomInt(kept.length)] as Kept;
    const what = randomInt(8);
    if (what === 0) {
      await this.#restore(one);
      this.#result.restoredMeanwhile++;
    } else if (what === 1) {
      await this.#verify(one);
      this.#result.verifiedMeanwhile++;
    }
  }

  async #restore({ backupId, blocks }: Kept): Promise<void> {
    const restored = await this.#world.restored(backupId);
    if (!restored.equals(Buffer.concat(blocks)))
      throw new Error(`Backup ${backupId} restores other bytes.`);
  }

  async #verify({ backupId }: Kept): Promise<void> {
    const { client } = this.#world;
    const { outcome } = await client.waitFor(await client.startVerify(backupId, 100));
    if (JSON.stringify(outcome['damagedPacks']) !== '[]')
      throw new Error(`Backup ${backupId} is damaged: ${JSON.stringify(outcome)}`);
  }

  /** Collects again and again. */
  async #collectUntil(end: Promise<unknown>): Promise<[]> {
    const over = new AbortController();
    const stop = () => over.abort();
    end.then(stop, stop);
    while (!over.signal.aborted) {
      await this.#collect();
      // Else the two would take the vault from one another for ever.
      await sleep(randomInt(1000));
    }
    return [];
  }

  /** A collection by a process of its own. */
  async #collect(): Promise<void> {
    const run = await this.#world.mode.run('cli.ts', ['collect', this.#vaultId, '--json']);
    if (run.code === 0) {
      const done = JSON.parse(run.stdout) as { freedBytes: number; blocked?: string };
      if (done.blocked !== undefined) throw new Error(`Nothing is collected: ${done.blocked}`);
      this.#result.collections++;
      this.#result.freedBytes += done.freedBytes;
    } else if (run.stderr.includes('is no longer the one of vault')) this.#result.superseded++;
    else throw new Error(`collect ended with ${run.code}: ${run.stderr}`);
  }

  /** The audit finds nothing; every backup is there, comes back byte for byte, and no other is. */
  async #check(kept: readonly Kept[]): Promise<void> {
    const shown = await this.#world.backups(`&vault_id=${this.#vaultId}`);
    const expected = kept.map(({ backupId }) => backupId).toSorted();
    if (String(shown.map(({ id }) => id).toSorted()) !== String(expected))
      throw new Error(`${shown.length} backups are shown, ${expected.length} should be.`);
    const odd = shown.find(({ status }) => status !== 'available');
    if (odd !== undefined) throw new Error(`Backup ${odd.id} is ${odd.status}.`);
    const audit = await this.#world.run('audit', this.#vaultId);
    if (audit['found'] !== 0) throw new Error(`The audit found: ${JSON.stringify(audit)}`);
    for (const one of kept) {
      await this.#verify(one);
      this.#result.verified++;
      await this.#restore(one);
      this.#result.restored++;
    }
  }
}

/** Takes any one of a list that is not empty. */
const takeAny = <T>(list: T[]): T => list.splice(randomInt(list.length), 1)[0] as T;

/** Waits for all to end, so that nothing runs on when one has failed. */
const allOrFirstFailure = async <T>(running: Promise<T>[]): Promise<T[]> => {
  const ended = await Promise.allSettled(running);
  for (const one of ended) if (one.status === 'rejected') throw one.reason;
  return Promise.all(running);
};
