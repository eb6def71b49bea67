import * as z from 'zod';
import {
  bindRules,
  description,
  enterpriseProjectId,
  idField,
  resourceRequest,
  tag,
  tags,
  threshold,
  time,
  vaultName,
} from './fields.ts';

export const VAULT_STATUSES = ['available', 'lock', 'frozen', 'deleting', 'error'] as const;
export const OBJECT_TYPES = [
  'server',
  'disk',
  'turbo',
  'workspace',
  'vmware',
  'rds',
  'file',
] as const;
export const CLOUD_TYPES = ['public', 'hybrid'] as const;
export const PROTECT_STATUSES = [
  'available',
  'error',
  'protecting',
  'restoring',
  'removing',
] as const;
const CONSISTENT_LEVELS = ['app_consistent', 'crash_consistent'] as const;
const CHARGING_MODES = ['post_paid', 'pre_paid'] as const;

/** In GB. Its bounds depend on the request and have a code of their own, 6101. */
const size = (min: number) =>
  z.int().meta({ override: { type: 'integer', minimum: min, maximum: 10_485_760 } });

const billingCreate = z.object({
  charging_mode: z.enum(CHARGING_MODES).default('post_paid'),
  cloud_type: z.enum(CLOUD_TYPES).default('public'),
  consistent_level: z.enum(CONSISTENT_LEVELS),
  console_url: z.string().min(1).max(255).optional(),
  is_auto_pay: z.boolean().default(false),
  is_auto_renew: z.boolean().default(false),
  is_multi_az: z.boolean().default(false),
  object_type: z.enum(OBJECT_TYPES),
  period_num: z.int().optional(),
  period_type: z.enum(['year', 'month']).optional(),
  protect_type: z.enum(['backup', 'replication']),
  size: size(10),
});

export const vaultCreateRequest = z
  .object({
    vault: z.object({
      auto_bind: z.boolean().default(false),
      auto_expand: z.boolean().default(false),
      backup_name_prefix: z.string().max(32).optional(),
      backup_policy_id: idField.optional(),
      billing: billingCreate,
      bind_rules: bindRules.default({}),
      description: description.default(''),
      enterprise_project_id: enterpriseProjectId.default('0'),
      locked: z.boolean().default(false),
      name: vaultName,
      resources: z.array(resourceRequest),
      smn_notify: z.boolean().default(true),
      tags: tags.default([]),
      threshold: threshold.default(80),
    }),
  })
  .meta({ id: 'VaultCreateReq' });

export const vaultUpdateRequest = z
  .object({
    vault: z.object({
      auto_bind: z.boolean().optional(),
      auto_expand: z.boolean().optional(),
      billing: z
        .object({
          consistent_level: z.enum(CONSISTENT_LEVELS).optional(),
          size: size(1).optional(),
        })
        .default({}),
      bind_rules: bindRules.optional(),
      locked: z.boolean().optional(),
      name: vaultName.optional(),
      smn_notify: z.boolean().optional(),
      threshold: threshold.optional(),
    }),
  })
  .meta({ id: 'VaultUpdateReq' });

export const vaultAddResourceRequest = z
  .object({ resources: z.array(resourceRequest).min(1) })
  .meta({ id: 'VaultAddResourceReq' });

export const vaultBatchUpdateRequest = z
  .object({
    vault: z
      .object({ smn_notify: z.boolean().optional(), threshold: threshold.optional() })
      .refine(
        (vault) => vault.smn_notify !== undefined || vault.threshold !== undefined,
        'must have smn_notify or threshold',
      ),
  })
  .meta({ id: 'BatchUpdateVaultRequestBody' });

export const vaultBatchUpdateResponse = z
  .object({ updated_vaults_id: z.array(z.string()) })
  .meta({ id: 'VaultBatchUpdateResp' });

export const vaultSetResourceRequest = z
  .object({
    action: z.enum(['suspend', 'unsuspend']),
    resource_ids: z.array(idField).min(1).max(256),
  })
  .meta({ id: 'VaultSetResourceReq' });

export const vaultSetResourceResponse = z
  .object({ set_resource_ids: z.array(z.string()) })
  .meta({ id: 'VaultSetResourceResp' });

export const vaultRemoveResourceRequest = z
  .object({ resource_ids: z.array(idField).min(1).max(256) })
  .meta({ id: 'VaultRemoveResourceReq' });

export const vaultRemoveResourceResponse = z
  .object({ remove_resource_ids: z.array(z.string()) })
  .meta({ id: 'VaultRemoveResourceResp' });

export const vaultMigrateResourceRequest = z
  .object({
    destination_vault_id: idField,
    resource_ids: z.array(idField).min(1).max(256),
  })
  .meta({ id: 'VaultMigrateResourceReq' });

export const vaultMigrateResourceResponse = z
  .object({ migrated_resources: z.array(z.string()) })
  .meta({ id: 'VaultMigrateResourceResp' });

export const summaryResponse = z
  .object({
    size: z.int().min(0).meta({ description: 'In GB.' }),
    used_size: z.int().min(0).meta({ description: 'In GB.' }),
  })
  .meta({ id: 'ResSummary' });

export const storageUsageResponse = z
  .object({
    resource_count: z.int(),
    storage_usage: z.array(
      z
        .object({
          resource_id: z.string(),
          resource_name: z.string(),
          resource_type: z.string(),
          backup_count: z.int(),
          backup_size: z.int().meta({ description: 'In MB.' }),
          backup_size_multiaz: z.int(),
        })
        .meta({ id: 'StorageUsage' }),
    ),
  })
  .meta({ id: 'StorageUsageResp' });

export const vaultAddResourceResponse = z
  .object({ add_resource_ids: z.array(z.string()) })
  .meta({ id: 'VaultAddResourceResp' });

const resource = z
  .object({
    id: z.string(),
    type: z.string(),
    name: z.string().max(255),
    size: z.int().meta({ description: 'In GB.' }),
    backup_size: z.int().meta({ description: 'In MB: what the backups added to the vault.' }),
    backup_count: z.int(),
    protect_status: z.enum(PROTECT_STATUSES),
    auto_protect: z.boolean().meta({ description: 'False while its protection is suspended.' }),
    extra_info: z.object({ exclude_volumes: z.array(z.string()).optional() }),
  })
  .meta({ id: 'ResourceResp' });

const billing = z
  .object({
    allocated: z.int().meta({ description: 'Size of the disks in the vault, in GB.' }),
    charging_mode: z.enum(CHARGING_MODES),
    cloud_type: z.enum(CLOUD_TYPES),
    consistent_level: z.enum(CONSISTENT_LEVELS),
    frozen_scene: z.string().nullable(),
    is_multi_az: z.boolean(),
    object_type: z.enum(OBJECT_TYPES),
    order_id: z.string(),
    product_id: z.string(),
    protect_type: z.enum(['backup', 'replication', 'hybrid']),
    size: z.int().min(1).max(10_485_760).meta({ description: 'In GB.' }),
    spec_code: z.string(),
    status: z.enum(VAULT_STATUSES),
    storage_unit: z.string().nullable(),
    used: z.int().meta({ description: 'In MB.' }),
  })
  .meta({ id: 'Billing' });

export const vaultBody = z
  .object({
    id: z.string(),
    name: z.string(),
    description: z.string(),
    provider_id: z.string(),
    project_id: z.string(),
    user_id: z.string(),
    enterprise_project_id: z.string(),
    created_at: time,
    auto_bind: z.boolean(),
    bind_rules: z.object({ tags: z.array(tag).optional() }),
    auto_expand: z.boolean(),
    locked: z.boolean(),
    smn_notify: z.boolean(),
    threshold: z.int().min(1).max(100),
    tags: z.array(tag),
    backup_name_prefix: z.string().optional(),
    billing,
    resources: z.array(resource),
  })
  .meta({ id: 'Vault' });

export const vaultResponse = z.object({ vault: vaultBody }).meta({ id: 'VaultGetResp' });

export const vaultListResponse = z
  .object({
    vaults: z.array(vaultBody),
    count: z.int(),
    limit: z.int().min(1).max(1000),
    offset: z.int().min(0),
  })
  .meta({ id: 'VaultListResp' });
