import * as z from 'zod';
import { freeName, idField, time } from './fields.ts';

export const BACKUP_STATUSES = [
  'available',
  'protecting',
  'deleting',
  'restoring',
  'error',
  'waiting_protect',
  'waiting_delete',
  'waiting_restore',
] as const;

export const BACKUP_SORT_KEYS = [
  'id',
  'name',
  'status',
  'vault_id',
  'checkpoint_id',
  'resource_id',
  'resource_name',
  'resource_size',
  'created_at',
  'updated_at',
  'protected_at',
] as const;

export const backupUpdateRequest = z
  .object({ backup: z.object({ name: freeName.optional() }) })
  .meta({ id: 'BackupUpdateReq' });

/** A disk backup needs a disk; the fields for servers and file systems have no meaning with it. */
export const backupRestoreRequest = z
  .object({
    restore: z
      .object({
        volume_id: idField.optional(),
        resource_id: idField.optional(),
        server_id: z.undefined('a disk backup is restored to a disk, not to a server').optional(),
        mappings: z
          .array(z.unknown())
          .max(0, 'a disk backup has no child backups to map; use volume_id')
          .optional(),
        power_on: z.boolean().default(true),
      })
      .refine(({ volume_id: volume, resource_id: resource }) => volume ?? resource, {
        path: ['volume_id'],
        message: 'must name the disk to restore to',
      })
      .refine(
        ({ volume_id: volume, resource_id: resource }) =>
          !volume || !resource || volume === resource,
        { path: ['resource_id'], message: 'must be the same disk as volume_id' },
      ),
  })
  .meta({ id: 'BackupRestoreReq' });

export const backupVerifyRequest = z
  .object({
    verify: z
      .object({
        percent: z.int().min(1).max(100).default(100).meta({
          description: "Share of the backup's blocks that is read back.",
        }),
      })
      .default({ percent: 100 }),
  })
  .meta({ id: 'BackupVerifyReq' });

export const jobResponse = z
  .object({ job_id: z.string().meta({ description: 'The operation log of the task.' }) })
  .meta({ id: 'JobResp' });

const extendInfo = z
  .object({
    auto_trigger: z.boolean(),
    bootable: z.boolean(),
    contain_system_disk: z.boolean(),
    encrypted: z.boolean(),
    incremental: z.boolean().meta({ description: 'As the Go clients read it.' }),
    is_multi_az: z.boolean(),
    os_images_data: z.array(z.object({ image_id: z.string() })).nullable(),
    snapshot_id: z.string(),
    support_lld: z.boolean(),
    supported_restore_mode: z.enum(['na', 'backup', 'snapshot']),
    system_disk: z.boolean(),
  })
  .meta({ id: 'BackupExtendInfo' });

/**
 * Only the empty list in this release: neither replicas nor servers, whose backups have children.
 */
const none = z.array(z.never());

export const backupBody = z
  .object({
    id: z.string(),
    checkpoint_id: z.string(),
    vault_id: z.string(),
    project_id: z.string(),
    provider_id: z.string(),
    name: z.string(),
    description: z.string(),
    image_type: z.enum(['backup', 'replication']),
    status: z.enum(BACKUP_STATUSES),
    incremental: z.boolean(),
    parent_id: z.string(),
    version: z.int(),
    resource_id: z.string(),
    resource_name: z.string(),
    resource_type: z.string(),
    resource_size: z.int().meta({ description: 'In GB.' }),
    resource_az: z.string(),
    created_at: time,
    updated_at: time,
    protected_at: time,
    expired_at: time.nullable(),
    extend_info: extendInfo,
    replication_records: none,
    children: none,
    error_info: z
      .object({ code: z.string(), message: z.string() })
      .meta({ description: 'Extension: why its status is error; empty texts otherwise.' }),
  })
  .meta({ id: 'BackupResp' });

export const backupResponse = z.object({ backup: backupBody }).meta({ id: 'BackupGetResp' });

export const backupListResponse = z
  .object({
    backups: z.array(backupBody),
    count: z.int(),
    limit: z.int().min(1).max(1000),
    offset: z.int().min(0),
  })
  .meta({ id: 'BackupListResp' });

/** Texts of JSON, as CBR has them; what only servers have is empty. */
export const backupMetadataResponse = z
  .object({
    backup_id: z.string(),
    backups: z.string(),
    flavor: z.string(),
    floatingips: z.array(z.string()),
    interface: z.string(),
    ports: z.array(z.string()),
    server: z.string(),
    volumes: z.array(z.string()),
  })
  .meta({ id: 'BackupMetadata' });
