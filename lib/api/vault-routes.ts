import * as z from 'zod';
import type { Page, VaultDetails } from '../model/details.ts';
import { oneOf, PAGE, pageOf, someOf, texts } from './query.ts';
import { NOTHING, route } from './route.ts';
import { vaultJson } from './vault-response.ts';
import {
  CLOUD_TYPES,
  OBJECT_TYPES,
  VAULT_STATUSES,
  vaultAddResourceRequest,
  vaultAddResourceResponse,
  vaultCreateRequest,
  vaultListResponse,
  vaultRemoveResourceRequest,
  vaultRemoveResourceResponse,
  vaultResponse,
  vaultSetResourceRequest,
  vaultSetResourceResponse,
  vaultUpdateRequest,
} from './vault-schemas.ts';

const VAULTS = '/v3/{project_id}/vaults';
const VAULT = '/v3/{project_id}/vaults/{vault_id}';
const tag = 'Vaults';

const create = route({
  method: 'POST',
  path: VAULTS,
  operationId: 'CreateVault',
  summary: 'Create a vault',
  tag,
  action: 'cbr:vaults:create',
  query: NOTHING,
  body: vaultCreateRequest,
  status: 200,
  response: vaultResponse,
  errors: [
    'BackupService.6101',
    'BackupService.6116',
    'BackupService.6102',
    'BackupService.6000',
    'BackupService.6100',
    'BackupService.6104',
    'BackupService.7000',
    'BackupService.7006',
    'BackupService.6108',
    'BackupService.6600',
  ],
  command: ({ body: { vault } }) => ({
    name: vault.name,
    description: vault.description,
    sizeGib: vault.billing.size,
    objectType: vault.billing.object_type,
    protectType: vault.billing.protect_type,
    consistentLevel: vault.billing.consistent_level,
    cloudType: vault.billing.cloud_type,
    chargingMode: vault.billing.charging_mode,
    multiAz: vault.billing.is_multi_az,
    policyId: vault.backup_policy_id,
    resources: vault.resources,
    tags: vault.tags,
    threshold: vault.threshold,
    smnNotify: vault.smn_notify,
    autoExpand: vault.auto_expand,
    autoBind: vault.auto_bind,
    bindRules: rules(vault.bind_rules),
    locked: vault.locked,
    enterpriseProjectId: vault.enterprise_project_id,
    backupNamePrefix: vault.backup_name_prefix,
  }),
  answer: (details: VaultDetails) => ({ vault: vaultJson(details) }),
});

const list = route({
  method: 'GET',
  path: VAULTS,
  operationId: 'ListVault',
  summary: 'List vaults, newest first',
  tag,
  action: 'cbr:vaults:list',
  query: z.object({
    ...PAGE,
    id: z.string().optional(),
    name: z.string().optional(),
    cloud_type: oneOf(CLOUD_TYPES).optional(),
    protect_type: oneOf(['backup', 'replication', 'hybrid']).optional(),
    object_type: oneOf(OBJECT_TYPES).optional(),
    enterprise_project_id: z.string().optional(),
    policy_id: z.string().optional(),
    status: someOf(VAULT_STATUSES).optional(),
    resource_ids: texts.optional(),
  }),
  body: null,
  status: 200,
  response: vaultListResponse,
  errors: [],
  command: ({ query }) => ({
    page: pageOf(query),
    id: query.id,
    name: query.name,
    cloudType: query.cloud_type,
    protectType: query.protect_type,
    objectType: query.object_type,
    enterpriseProjectId: query.enterprise_project_id,
    policyId: query.policy_id,
    status: query.status,
    diskIds: query.resource_ids,
  }),
  answer: ({ items, count, limit, offset }: Page<VaultDetails>) => ({
    vaults: items.map(vaultJson),
    count,
    limit,
    offset,
  }),
});

const show = route({
  method: 'GET',
  path: VAULT,
  operationId: 'ShowVault',
  summary: 'Show a vault',
  tag,
  action: 'cbr:vaults:get',
  query: NOTHING,
  body: null,
  status: 200,
  response: vaultResponse,
  errors: ['BackupService.6105'],
  command: ({ path }) => ({ vaultId: path.vault_id }),
  answer: (details: VaultDetails) => ({ vault: vaultJson(details) }),
});

const update = route({
  method: 'PUT',
  path: VAULT,
  operationId: 'UpdateVault',
  summary: "Change a vault's settings",
  tag,
  action: 'cbr:vaults:update',
  query: NOTHING,
  body: vaultUpdateRequest,
  status: 200,
  response: vaultResponse,
  errors: ['BackupService.6105', 'BackupService.6112', 'BackupService.6110', 'BackupService.6101'],
  command: ({ path, body: { vault } }) => ({
    vaultId: path.vault_id,
    name: vault.name,
    sizeGib: vault.billing.size,
    consistentLevel: vault.billing.consistent_level,
    threshold: vault.threshold,
    smnNotify: vault.smn_notify,
    autoExpand: vault.auto_expand,
    autoBind: vault.auto_bind,
    bindRules: vault.bind_rules && rules(vault.bind_rules),
    locked: vault.locked,
  }),
  answer: (details: VaultDetails) => ({ vault: vaultJson(details) }),
});

const remove = route({
  method: 'DELETE',
  path: VAULT,
  operationId: 'DeleteVault',
  summary: 'Delete a vault and all of its backups',
  tag,
  action: 'cbr:vaults:delete',
  query: NOTHING,
  body: null,
  status: 204,
  response: null,
  errors: ['BackupService.6105', 'BackupService.6111', 'Holdfast.NotImplemented'],
  command: ({ path }) => ({ vaultId: path.vault_id }),
  answer: () => undefined,
});

const addResources = route({
  method: 'POST',
  path: `${VAULT}/addresources`,
  operationId: 'AddVaultResource',
  summary: 'Bind disks to a vault',
  tag,
  action: 'cbr:vaults:addResources',
  query: NOTHING,
  body: vaultAddResourceRequest,
  status: 200,
  response: vaultAddResourceResponse,
  errors: [
    'BackupService.6105',
    'BackupService.6112',
    'BackupService.6100',
    'BackupService.6102',
    'BackupService.6104',
    'BackupService.7000',
    'BackupService.7006',
    'BackupService.6108',
  ],
  command: ({ path, body }) => ({ vaultId: path.vault_id, resources: body.resources }),
  answer: (ids: string[]) => ({ add_resource_ids: ids }),
});

const removeResources = route({
  method: 'POST',
  path: `${VAULT}/removeresources`,
  operationId: 'RemoveVaultResource',
  summary: 'Take disks out of a vault, and delete their backups in it',
  tag,
  action: 'cbr:vaults:removeResources',
  query: NOTHING,
  body: vaultRemoveResourceRequest,
  status: 200,
  response: vaultRemoveResourceResponse,
  errors: [
    'BackupService.6105',
    'BackupService.6112',
    'BackupService.6110',
    'BackupService.6104',
    'BackupService.6135',
    'BackupService.6125',
    'BackupService.6216',
  ],
  command: ({ path, body }) => ({ vaultId: path.vault_id, diskIds: body.resource_ids }),
  answer: (diskIds: string[]) => ({ remove_resource_ids: diskIds }),
});

const setResources = route({
  method: 'PUT',
  path: `${VAULT}/set-resources`,
  operationId: 'SetVaultResource',
  summary: 'Suspend or resume the protection of disks',
  tag,
  action: 'cbr:vaults:setResources',
  query: NOTHING,
  body: vaultSetResourceRequest,
  status: 200,
  response: vaultSetResourceResponse,
  errors: ['BackupService.6105', 'BackupService.6112', 'BackupService.6104', 'BackupService.6135'],
  command: ({ path, body }) => ({
    vaultId: path.vault_id,
    diskIds: body.resource_ids,
    suspended: body.action === 'suspend',
  }),
  answer: (diskIds: string[]) => ({ set_resource_ids: diskIds }),
});

/** Without a key that is not there (`exactOptionalPropertyTypes`). */
const rules = ({ tags }: { tags?: { key: string; value: string }[] | undefined }) =>
  tags ? { tags } : {};

export const VAULT_ROUTES = {
  create,
  list,
  show,
  update,
  remove,
  addResources,
  removeResources,
  setResources,
};
