import type { Writable } from 'node:stream';
import { HoldfastError, isError } from '../../errors.ts';
import type { Disk, Snapshot } from '../../model/disk.ts';
import type { DiskId } from '../../model/ids.ts';
import type { Disks } from '../../ports/disks.ts';
import { Flushes, sealContent, startContent, writeBlocks } from './local-disks-contents.ts';
import { hasErrno } from './local-disks-files.ts';
import { eachDisk, readDisk, readSnapshot, toDisk, toSnapshot } from './local-disks-records.ts';
import { abandonRestore, beginRestore, createDisk, finishRestore } from './local-disks-restores.ts';
import { checkId, initialiseRoot, type LocalRoot } from './local-disks-root.ts';
import {
  allocatedBlocks,
  changedBlocks,
  createSnapshot,
  deleteSnapshot,
  listSnapshots,
  readBlocks,
} from './local-disks-snapshots.ts';
import { sweep } from './local-disks-sweep.ts';
import {
  exportDisk,
  type ImportOptions,
  importDisk,
  type TransferOptions,
} from './local-disks-transfer.ts';
import {
  addDisk,
  type DiskName,
  deleteDisk,
  readDiskBytes,
  resizeDisk,
  writeDiskBytes,
} from './local-disks-volumes.ts';

const EXTENT_BYTES = 4 * 2 ** 20;
const LOCK_WAIT_MS = 60_000;

export interface LocalDisksOptions {
  /** The folder that holds the disks; created when missing. */
  root: string;
  /** A multiple of 512 KiB, for ever the same in a folder; 4 MiB unless told. */
  extentBytes?: number;
  /** How long to wait for another process that works on the same disk; 60 s unless told. */
  lockWaitMs?: number;
  nowMs?: () => number;
}

/** The port, and what a user of local disks does with them besides. */
export interface LocalDisks extends Disks {
  /** A blank disk in status `available`. */
  addDisk(disk: DiskName & { sizeBytes: number }): Promise<Disk>;
  importDisk(options: ImportOptions): Promise<Disk>;
  exportDisk(diskId: DiskId, target: string | Writable, options?: TransferOptions): Promise<void>;
  read(diskId: DiskId, offsetBytes: number, lengthBytes: number): Promise<Uint8Array<ArrayBuffer>>;
  write(diskId: DiskId, offsetBytes: number, bytes: Uint8Array): Promise<void>;
  resize(diskId: DiskId, sizeBytes: number): Promise<Disk>;
  /** Its snapshots stay. Nothing when there is no such disk. */
  deleteDisk(diskId: DiskId): Promise<void>;
  /** Oldest first; also of a deleted disk. */
  listSnapshots(diskId: DiskId): Promise<Snapshot[]>;
  /** Removes what crashes left; to be called when a process starts. */
  sweep(): Promise<number>;
}

/**
 * Disks in a folder of this machine, for any number of threads and processes at once. A content is
 * a folder of extent files; snapshots share them by hard links, and a write puts a new file in an
 * extent's place.
 */
export function localDisks(options: LocalDisksOptions): LocalDisks {
  const root: LocalRoot = {
    path: options.root,
    extentBytes: options.extentBytes ?? EXTENT_BYTES,
    lockWaitMs: options.lockWaitMs ?? LOCK_WAIT_MS,
    nowMs: options.nowMs ?? Date.now,
  };
  const flushes = new Flushes();
  const run = guardOf(root);
  return {
    describe: (id) => run('describe', { disk: id }, async () => toDisk(await readDisk(root, id))),
    list: () => listDisks(root, run),
    createSnapshot: (id, token) =>
      run('createSnapshot', { disk: id }, () => createSnapshot(root, id, token)),
    describeSnapshot: (id) =>
      run('describeSnapshot', { snapshot: id }, async () =>
        toSnapshot(await readSnapshot(root, id)),
      ),
    deleteSnapshot: (id) => run('deleteSnapshot', { snapshot: id }, () => deleteSnapshot(root, id)),
    allocatedBlocks: (id, range) =>
      run('allocatedBlocks', { snapshot: id }, () => allocatedBlocks(root, id, range)),
    changedBlocks: (base, id, range) =>
      run('changedBlocks', { snapshot: id, base }, () => changedBlocks(root, base, id, range)),
    readBlocks: (id, range) =>
      run('readBlocks', { snapshot: id }, () => readBlocks(root, id, range)),
    createDisk: (disk) => run('createDisk', { disk: disk.id }, () => createDisk(root, disk)),
    beginRestore: (disk, attempt) =>
      run('beginRestore', { disk, attempt }, () => beginRestore(root, disk, attempt)),
    startContent: (content) =>
      run('startContent', { attempt: content.attemptId }, () => startContent(root, content)),
    writeBlocks: (attempt, from, blocks) =>
      run('writeBlocks', { attempt }, () => writeBlocks(root, flushes, attempt, from, blocks)),
    sealContent: (attempt) => run('sealContent', { attempt }, () => sealContent(root, attempt)),
    finishRestore: (disk, attempt) =>
      run('finishRestore', { disk, attempt }, () => finishRestore(root, disk, attempt)),
    abandonRestore: (disk, attempt) =>
      run('abandonRestore', { disk, attempt }, () => abandonRestore(root, disk, attempt)),

    addDisk: (disk) => run('addDisk', { disk: disk.id }, () => addDisk(root, disk)),
    importDisk: (disk) => run('importDisk', { disk: disk.id }, () => importDisk(root, disk)),
    exportDisk: (id, target, more) =>
      run('exportDisk', { disk: id }, () => exportDisk(root, id, target, more)),
    read: (id, offsetBytes, lengthBytes) =>
      run('read', { disk: id }, () => readDiskBytes(root, id, offsetBytes, lengthBytes)),
    write: (id, offsetBytes, bytes) =>
      run('write', { disk: id }, () => writeDiskBytes(root, id, offsetBytes, bytes)),
    resize: (id, sizeBytes) => run('resize', { disk: id }, () => resizeDisk(root, id, sizeBytes)),
    deleteDisk: (id) => run('deleteDisk', { disk: id }, () => deleteDisk(root, id)),
    listSnapshots: (id) => run('listSnapshots', { disk: id }, () => listSnapshots(root, id)),
    sweep: () => run('sweep', {}, () => sweep(root)),
  };
}

type Run = <T>(
  operation: string,
  ids: Record<string, string>,
  work: () => Promise<T>,
) => Promise<T>;

/** What every operation has in common: safe ids, a folder that is set up, failures by name. */
function guardOf(root: LocalRoot): Run {
  let ready: Promise<void> | undefined;
  return async (operation, ids, work) => {
    for (const [what, id] of Object.entries(ids)) checkId(id, what);
    try {
      ready ??= initialiseRoot(root).catch((error: unknown) => {
        ready = undefined;
        throw error;
      });
      await ready;
      return await work();
    } catch (cause) {
      if (isError(cause)) throw cause;
      if (hasErrno(cause, 'ABORT_ERR'))
        throw new HoldfastError('Holdfast.Cancelled', {}, { cause });
      const id = Object.values(ids)[0] ?? root.path;
      throw new HoldfastError('disk.unavailable', { id, operation }, { cause });
    }
  };
}

async function* listDisks(root: LocalRoot, run: Run): AsyncGenerator<Disk> {
  const disks = eachDisk(root);
  for (;;) {
    const next = await run('list', {}, () => disks.next());
    if (next.done === true) return;
    yield toDisk(next.value);
  }
}
