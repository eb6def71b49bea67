import type { BlockRange } from '../model/block.ts';
import type { Disk, Snapshot } from '../model/disk.ts';
import type { DiskId, SnapshotId } from '../model/ids.ts';

/** A content that is being written for a restore, named after its attempt. */
export interface ContentOptions {
  /** The restore attempt (a session id): only it writes here. Starting twice is starting once. */
  attemptId: string;
  sizeBytes: number;
}

/**
 * Disks, their snapshots, and contents for restores. An adapter must guarantee:
 * - a snapshot never changes, whatever is written to the disk later, and is whole once `completed`;
 * - `allocatedBlocks` omits only blocks that are all zeros; `changedBlocks` omits only blocks that
 *   are equal in both snapshots;
 * - creating with the same token, deleting, writing, sealing and swapping are idempotent;
 * - `finishRestore` is one conditional step: the disk has either its old content or the new one;
 *   an attempt that no longer owns the disk is refused with `disk.busy` and changes nothing;
 * - a missing disk is `disk.missing`, a missing snapshot `disk.snapshot-missing`; an outage is
 *   `disk.unavailable`; neither stands for the other.
 */
export interface Disks {
  describe(diskId: DiskId): Promise<Disk>;
  /** All disks, ascending by id. */
  list(): AsyncIterable<Disk>;

  /** `token`: the same token returns the same snapshot. */
  createSnapshot(diskId: DiskId, token: string): Promise<Snapshot>;
  describeSnapshot(snapshotId: SnapshotId): Promise<Snapshot>;
  deleteSnapshot(snapshotId: SnapshotId): Promise<void>;

  /** Within `range`: runs of blocks that may hold data, ascending, not overlapping. */
  allocatedBlocks(snapshotId: SnapshotId, range: BlockRange): Promise<BlockRange[]>;
  /**
   * Within `range`: runs of blocks that may differ from snapshot `base` of the same disk; blocks
   * beyond the end of either count as changed. `null` when that cannot be told (`base` is gone, or
   * of another disk): the caller reads everything.
   */
  changedBlocks(
    base: SnapshotId,
    snapshotId: SnapshotId,
    range: BlockRange,
  ): Promise<BlockRange[] | null>;
  /**
   * `range.to - range.from` whole blocks of 512 KiB; a tail is padded with zeros. The buffer is the
   * caller's own, with nothing else in its ArrayBuffer: it may be transferred to a thread.
   */
  readBlocks(snapshotId: SnapshotId, range: BlockRange): Promise<Uint8Array<ArrayBuffer>>;

  /** A new disk of zeros in status `creating`. The same id and size again: the same disk. */
  createDisk(disk: {
    id: DiskId;
    name: string;
    sizeBytes: number;
    availabilityZone: string;
  }): Promise<Disk>;
  /**
   * The attempt takes the disk: `available`, `creating` or `error` -> `restoring`; again by the
   * same attempt: nothing. Else `disk.busy`.
   */
  beginRestore(diskId: DiskId, attemptId: string): Promise<void>;
  /** Starts a content of zeros. */
  startContent(options: ContentOptions): Promise<void>;
  /**
   * Whole blocks from block `from` on; a tail's padding is cut off. Any order, any number of times.
   * The buffer is the caller's again when the promise has settled.
   */
  writeBlocks(attemptId: string, from: number, blocks: Uint8Array): Promise<void>;
  /** Makes the content durable; nothing is written to it afterwards. */
  sealContent(attemptId: string): Promise<void>;
  /**
   * Swaps the sealed content in: `restoring` -> `available`. Again by the same attempt: nothing.
   */
  finishRestore(diskId: DiskId, attemptId: string): Promise<void>;
  /**
   * Gives up: drops the content, and the disk goes back to `available` with its old content, or to
   * `error` when it never had one. Nothing when the attempt does not own the disk.
   */
  abandonRestore(diskId: DiskId, attemptId: string): Promise<void>;
}
