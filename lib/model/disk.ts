import type { DiskId, SnapshotId } from './ids.ts';
import type { Tag } from './tag.ts';

/** CBR's type of a disk resource (spec section 3.1). */
export const DISK_TYPE = 'OS::Cinder::Volume';

/**
 * - `creating`: a new disk that no restore has filled yet;
 * - `restoring`: a restore attempt owns it; its old content (if any) is still whole;
 * - `error`: a new disk whose restore failed; it never had content.
 */
export type DiskStatus = 'creating' | 'available' | 'in-use' | 'restoring' | 'error';

/** A disk that a restore may take: with content, without, or left without by one that failed. */
export const mayBeRestored = (status: DiskStatus): boolean =>
  status === 'available' || status === 'creating' || status === 'error';

/** Spec section 3.5: what a vault takes and backs up. */
export const mayBeProtected = (status: DiskStatus): boolean =>
  status === 'available' || status === 'in-use';

export interface Disk {
  id: DiskId;
  name: string;
  /** Exact size; any number of bytes. */
  sizeBytes: number;
  status: DiskStatus;
  availabilityZone: string;
  bootable: boolean;
  encrypted: boolean;
  tags: Tag[];
  createdAtMs: number;
}

/** A point in time of a disk that no longer changes. */
export interface Snapshot {
  id: SnapshotId;
  diskId: DiskId;
  /** Size of the disk when the snapshot was taken. */
  sizeBytes: number;
  state: 'pending' | 'completed' | 'error';
  takenAtMs: number;
}
