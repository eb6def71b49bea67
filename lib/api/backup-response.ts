import type * as z from 'zod';
import { type Backup, isIncremental } from '../model/backup.ts';
import { DISK_TYPE } from '../model/disk.ts';
import type { backupBody, backupMetadataResponse } from './backup-schemas.ts';
import { PROVIDER_ID } from './fields.ts';
import { timeText, toGb } from './units.ts';

/** A backup as CBR writes it (spec Appendix A, BackupResp). A deleted one has no such form. */
export function backupJson(backup: Backup): z.input<typeof backupBody> {
  const { disk, status } = backup;
  const createdAt = timeText(backup.createdAtMs);
  return {
    id: backup.id,
    checkpoint_id: backup.checkpointId,
    vault_id: backup.vaultId,
    project_id: backup.projectId,
    provider_id: PROVIDER_ID,
    name: backup.name,
    description: backup.description,
    image_type: 'backup',
    status: status === 'deleted' ? 'deleting' : status,
    incremental: isIncremental(backup),
    parent_id: '',
    version: 3,
    resource_id: disk.id,
    resource_name: disk.name,
    resource_type: DISK_TYPE,
    resource_size: toGb(disk.sizeBytes),
    resource_az: disk.availabilityZone,
    created_at: createdAt,
    updated_at: timeText(backup.updatedAtMs),
    protected_at: createdAt,
    expired_at: backup.expiresAtMs === undefined ? null : timeText(backup.expiresAtMs),
    extend_info: extendInfo(backup),
    replication_records: [],
    children: [],
    error_info: { code: backup.failure?.code ?? '', message: backup.failure?.message ?? '' },
  };
}

const extendInfo = (backup: Backup) => ({
  auto_trigger: backup.autoTrigger,
  bootable: false,
  contain_system_disk: false,
  encrypted: false,
  incremental: isIncremental(backup),
  is_multi_az: false,
  os_images_data: null,
  snapshot_id: backup.snapshotId ?? '',
  support_lld: false,
  supported_restore_mode: backup.root === 'VISIBLE' ? ('backup' as const) : ('na' as const),
  system_disk: false,
});

/** The disk as it was backed up (spec Appendix A, BackupMetadata). */
export const metadataJson = ({
  id,
  name,
  disk,
  snapshotId = '',
}: Backup): z.input<typeof backupMetadataResponse> => ({
  backup_id: id,
  backups: JSON.stringify({ id, name, volume_id: disk.id, snapshot_id: snapshotId }),
  volumes: [
    JSON.stringify({
      id: disk.id,
      name: disk.name,
      size: toGb(disk.sizeBytes),
      availability_zone: disk.availabilityZone,
    }),
  ],
  flavor: '',
  floatingips: [],
  interface: '',
  ports: [],
  server: '',
});
