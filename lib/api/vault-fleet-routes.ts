import * as z from 'zod';
import type { Page, ResourceDetails } from '../model/details.ts';
import { DISK_TYPE } from '../model/disk.ts';
import { idText, oneOf, PAGE, pageOf } from './query.ts';
import { NOTHING, route } from './route.ts';
import { toGb, toMb } from './units.ts';
import { vaultsJson } from './vault-response.ts';
import {
  CLOUD_TYPES,
  OBJECT_TYPES,
  storageUsageResponse,
  summaryResponse,
  vaultBatchUpdateRequest,
  vaultBatchUpdateResponse,
  vaultListResponse,
} from './vault-schemas.ts';

/** Routes that are about all vaults of the project. */

const PROJECT = '/v3/{project_id}';
const tag = 'Vaults';

const batchUpdate = route({
  method: 'PUT',
  path: `${PROJECT}/vaults/batch-update`,
  operationId: 'BatchUpdateVault',
  summary: 'Change the notifications of all vaults',
  tag,
  action: 'cbr:vaults:update',
  query: NOTHING,
  body: vaultBatchUpdateRequest,
  status: 200,
  response: vaultBatchUpdateResponse,
  errors: ['Holdfast.ListTooLong', 'BackupService.6110'],
  command: ({ body: { vault } }) => ({ smnNotify: vault.smn_notify, threshold: vault.threshold }),
  answer: (vaultIds: string[]) => ({ updated_vaults_id: vaultIds }),
});

const showSummary = route({
  method: 'GET',
  path: `${PROJECT}/vaults/summary`,
  operationId: 'ShowSummary',
  summary: 'Show the capacity and the use of all vaults together',
  tag,
  action: 'cbr:vaults:list',
  query: NOTHING,
  body: null,
  status: 200,
  response: summaryResponse,
  errors: ['Holdfast.ListTooLong'],
  command: () => ({}),
  answer: ({ sizeGib, usedBytes }: { sizeGib: number; usedBytes: number }) => ({
    size: sizeGib,
    used_size: toGb(usedBytes),
  }),
});

const listExternal = route({
  method: 'GET',
  path: `${PROJECT}/vaults/external`,
  operationId: 'ListExternalVault',
  summary: 'List vaults of a region and project',
  tag,
  action: 'cbr:vaults:list',
  query: z.object({
    ...PAGE,
    external_project_id: z.string(),
    region_id: z.string(),
    protect_type: oneOf(['backup', 'replication', 'hybrid']).optional(),
    // Spelt as CBR spells it (spec section 9.3, oddities).
    objcet_type: oneOf(OBJECT_TYPES).optional(),
    cloud_type: oneOf(CLOUD_TYPES).optional(),
    vault_id: idText.optional(),
  }),
  body: null,
  status: 200,
  response: vaultListResponse,
  errors: [],
  command: ({ query }) => ({
    page: pageOf(query),
    projectId: query.external_project_id,
    region: query.region_id,
    protectType: query.protect_type,
    objectType: query.objcet_type,
    cloudType: query.cloud_type,
    ids: query.vault_id === undefined ? undefined : [query.vault_id],
  }),
  answer: vaultsJson,
});

const listStorageUsage = route({
  method: 'GET',
  path: `${PROJECT}/storage_usage`,
  operationId: 'ShowStorageUsage',
  summary: 'List what the backups of each disk added to its vault',
  tag,
  action: 'cbr:vaults:list',
  query: z.object({
    ...PAGE,
    resource_id: idText.optional(),
    resource_type: z.string().optional(),
  }),
  body: null,
  status: 200,
  response: storageUsageResponse,
  errors: [],
  command: ({ query }) => ({
    page: pageOf(query),
    diskId: query.resource_id,
    ofDisks: (query.resource_type ?? DISK_TYPE) === DISK_TYPE,
  }),
  answer: ({ items, count }: Page<ResourceDetails>) => ({
    resource_count: count,
    storage_usage: items.map(({ binding, backupCount, backupBytes }) => ({
      resource_id: binding.diskId,
      resource_name: binding.name,
      resource_type: DISK_TYPE,
      backup_count: backupCount,
      backup_size: toMb(backupBytes),
      backup_size_multiaz: 0,
    })),
  }),
});

export const VAULT_FLEET_ROUTES = { batchUpdate, showSummary, listExternal, listStorageUsage };
