import type { Disk } from '../../lib/model/disk.ts';
import type { Disks } from '../../lib/ports/disks.ts';

/** The port, and the hooks with which a suite makes disks that have something in them. */
export interface DisksUnderTest extends Disks {
  addDisk(disk: {
    id: string;
    name: string;
    sizeBytes: number;
    availabilityZone?: string;
    tags?: { key: string; value: string }[];
  }): Promise<Disk>;
  read(diskId: string, offsetBytes: number, lengthBytes: number): Promise<Uint8Array>;
  write(diskId: string, offsetBytes: number, bytes: Uint8Array): Promise<void>;
  resize(diskId: string, sizeBytes: number): Promise<Disk>;
  deleteDisk(diskId: string): Promise<void>;
}
