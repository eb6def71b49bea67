import * as z from 'zod';
import type { Backup } from '../model/backup.ts';
import type { Page } from '../model/details.ts';
import { backupJson, metadataJson } from './backup-response.ts';
import {
  BACKUP_SORT_KEYS,
  BACKUP_STATUSES,
  backupListResponse,
  backupMetadataResponse,
  backupResponse,
  backupRestoreRequest,
  backupUpdateRequest,
  backupVerifyRequest,
  jobResponse,
} from './backup-schemas.ts';
import {
  moment,
  oneOf,
  PAGE_WITH_MARKER,
  pageOf,
  someOf,
  sorting,
  truth,
  wholeNumber,
} from './query.ts';
import { NOTHING, route } from './route.ts';

const BACKUPS = '/v3/{project_id}/backups';
const BACKUP = '/v3/{project_id}/backups/{backup_id}';
const tag = 'Backups';

const list = route({
  method: 'GET',
  path: BACKUPS,
  operationId: 'ListBackups',
  summary: 'List backups, newest first unless sorted otherwise',
  tag,
  action: 'cbr:backups:list',
  query: z.object({
    ...PAGE_WITH_MARKER,
    checkpoint_id: z.string().optional(),
    dec: truth.optional(),
    end_time: moment.optional(),
    enterprise_project_id: z.string().optional(),
    image_type: oneOf(['backup', 'replication']).optional(),
    incremental: truth.optional(),
    member_status: oneOf(['pending', 'accepted', 'rejected']).optional(),
    name: z.string().optional(),
    own_type: oneOf(['all_granted', 'private', 'shared']).optional(),
    parent_id: z.string().optional(),
    resource_az: z.string().optional(),
    resource_id: z.string().optional(),
    resource_name: z.string().optional(),
    resource_type: z.string().optional(),
    show_replication: truth.optional(),
    sort: sorting(BACKUP_SORT_KEYS).optional(),
    start_time: moment.optional(),
    status: someOf(BACKUP_STATUSES).optional(),
    used_percent: wholeNumber(1, 100).optional(),
    vault_id: z.string().optional(),
  }),
  body: null,
  status: 200,
  response: backupListResponse,
  errors: [],
  command: ({ query }) => ({
    page: pageOf(query),
    sort: query.sort ?? [],
    checkpointId: query.checkpoint_id,
    vaultId: query.vault_id,
    name: query.name,
    status: query.status,
    resourceId: query.resource_id,
    resourceName: query.resource_name,
    resourceType: query.resource_type,
    availabilityZone: query.resource_az,
    enterpriseProjectId: query.enterprise_project_id,
    imageType: query.image_type,
    ownType: query.own_type,
    parentId: query.parent_id,
    dedicatedCloud: query.dec,
    incremental: query.incremental,
    usedPercent: query.used_percent,
    createdFromMs: query.start_time,
    createdToMs: query.end_time,
  }),
  answer: ({ items, count, limit, offset }: Page<Backup>) => ({
    backups: items.map(backupJson),
    count,
    limit,
    offset,
  }),
});

const show = route({
  method: 'GET',
  path: BACKUP,
  operationId: 'ShowBackup',
  summary: 'Show a backup',
  tag,
  action: 'cbr:backups:get',
  query: NOTHING,
  body: null,
  status: 200,
  response: backupResponse,
  errors: ['BackupService.6200'],
  command: ({ path }) => ({ backupId: path.backup_id }),
  answer: (backup: Backup) => ({ backup: backupJson(backup) }),
});

const update = route({
  method: 'PUT',
  path: BACKUP,
  operationId: 'UpdateBackup',
  summary: 'Rename a backup',
  tag,
  action: 'cbr:backups:update',
  query: NOTHING,
  body: backupUpdateRequest,
  status: 200,
  response: backupResponse,
  errors: ['BackupService.6200'],
  command: ({ path, body }) => ({ backupId: path.backup_id, name: body.backup.name }),
  answer: (backup: Backup) => ({ backup: backupJson(backup) }),
});

const remove = route({
  method: 'DELETE',
  path: BACKUP,
  operationId: 'DeleteBackup',
  summary: 'Delete a backup',
  tag,
  action: 'cbr:backups:delete',
  query: NOTHING,
  body: null,
  status: 204,
  response: null,
  errors: ['BackupService.6200', 'BackupService.6201', 'BackupService.6216', 'BackupService.6220'],
  command: ({ path }) => ({ backupId: path.backup_id }),
  answer: () => undefined,
});

const restore = route({
  method: 'POST',
  path: `${BACKUP}/restore`,
  operationId: 'RestoreBackup',
  summary: 'Restore a backup to the disk it was made of',
  tag,
  action: 'cbr:backups:restore',
  query: NOTHING,
  body: backupRestoreRequest,
  status: 202,
  response: jobResponse,
  errors: [
    'BackupService.6200',
    'BackupService.2005',
    'BackupService.6202',
    'BackupService.2003',
    'BackupService.7000',
    'BackupService.2001',
    'BackupService.2010',
    'BackupService.2011',
    'BackupService.2002',
  ],
  command: ({ path, body: { restore } }) => ({
    backupId: path.backup_id,
    diskId: (restore.volume_id ?? restore.resource_id) as string,
  }),
  answer: (task: { id: string }) => ({ job_id: task.id }),
});

const verify = route({
  method: 'POST',
  path: `${BACKUP}/verify`,
  operationId: 'VerifyBackup',
  summary: 'Read back a backup (extension)',
  tag,
  action: 'cbr:backups:verify',
  query: NOTHING,
  body: backupVerifyRequest,
  status: 202,
  response: jobResponse,
  errors: ['BackupService.6200', 'Holdfast.NotVerifiable'],
  command: ({ path, body }) => ({ backupId: path.backup_id, percent: body.verify.percent }),
  answer: (task: { id: string }) => ({ job_id: task.id }),
});

const showMetadata = route({
  method: 'GET',
  path: `${BACKUP}/metadata`,
  operationId: 'ShowMetadata',
  summary: 'Show what was backed up, as it was then',
  tag,
  action: 'cbr:backups:get',
  query: NOTHING,
  body: null,
  status: 200,
  response: backupMetadataResponse,
  errors: ['BackupService.6200', 'BackupService.6206'],
  command: ({ path }) => ({ backupId: path.backup_id }),
  answer: metadataJson,
});

export const BACKUP_ROUTES = {
  showMetadata,
  list,
  show,
  update,
  remove,
  restore,
  verify,
};
