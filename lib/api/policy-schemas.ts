import * as z from 'zod';
import { idField } from './fields.ts';

export const POLICY_TYPES = ['backup', 'replication'] as const;

/** `-1` is "off"; it has a bound of its own below. */
const orOff = (max: number) =>
  z
    .int()
    .refine((value) => value === -1 || (value >= 1 && value <= max), `must be -1 or 1 to ${max}`)
    .meta({ override: { type: 'integer', minimum: -1, maximum: max } });

const periods = z.int().min(0).max(100);

const region = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[A-Za-z0-9._-]+$/, 'must be letters, digits, ., _ or -');

/** Rules that bind the fields together stand in the model. */
const operationDefinition = z
  .object({
    max_backups: orOff(99_999).default(-1),
    retention_duration_days: orOff(99_999).default(-1),
    day_backups: periods.default(0),
    week_backups: periods.default(0),
    month_backups: periods.default(0),
    year_backups: periods.default(0),
    timezone: z.string().max(16).nullish().meta({ example: 'UTC+01:00' }),
    full_backup_interval: z.int().min(-1).max(100).default(-1),
    destination_region: region.optional(),
    destination_project_id: idField.optional(),
    enable_acceleration: z.literal(false, 'invalid key').optional(),
    advanced_retention_rules: z.never('invalid key').optional(),
  })
  .meta({ id: 'PolicyoODCreate' });

const triggerRequest = z
  .object({ properties: z.object({ pattern: z.array(z.string().max(512)).min(1).max(24) }) })
  .meta({ id: 'PolicyTriggerReq' });

const policyName = z
  .string()
  .regex(/^[\p{L}\p{N}_-]{1,64}$/u, 'must be 1 to 64 letters, digits, _ or -');

export const policyCreateRequest = z
  .object({
    policy: z.object({
      enabled: z.boolean().default(true),
      name: policyName,
      operation_definition: operationDefinition,
      operation_type: z.enum(POLICY_TYPES),
      trigger: triggerRequest,
    }),
  })
  .meta({ id: 'PolicyCreateReq' });

export const policyUpdateRequest = z
  .object({
    policy: z.object({
      enabled: z.boolean().optional(),
      name: policyName.optional(),
      operation_definition: operationDefinition.optional(),
      trigger: triggerRequest.optional(),
    }),
  })
  .meta({ id: 'PolicyUpdateReq' });

/** A retention rule as answers have it. */
export const retentionBody = z.object({
  max_backups: z.int(),
  retention_duration_days: z.int(),
  day_backups: z.int(),
  week_backups: z.int(),
  month_backups: z.int(),
  year_backups: z.int(),
  timezone: z.string().nullable(),
});

export const policyBody = z
  .object({
    id: z.string(),
    name: z.string(),
    enabled: z.boolean(),
    operation_type: z.enum(POLICY_TYPES),
    policy_type: z.literal('custom_policy'),
    trigger: z
      .object({
        id: z.string(),
        name: z.literal('default'),
        type: z.literal('time'),
        properties: z.object({
          pattern: z.array(z.string()),
          start_time: z.string().meta({ example: '2026-02-01 10:05:00' }),
        }),
      })
      .meta({ id: 'PolicyTriggerResp' }),
    operation_definition: retentionBody
      .extend({
        full_backup_interval: z.int().optional(),
        destination_region: z.string().optional(),
        destination_project_id: z.string().optional(),
      })
      .meta({ id: 'PolicyOperationDefinition' }),
    associated_vaults: z.array(
      z
        .object({ vault_id: z.string(), destination_vault_id: z.string().optional() })
        .meta({ id: 'PolicyAssociateVault' }),
    ),
  })
  .meta({ id: 'Policy' });

export const policyResponse = z.object({ policy: policyBody }).meta({ id: 'PolicyCreateResp' });

export const policyListResponse = z
  .object({ policies: z.array(policyBody), count: z.int() })
  .meta({ id: 'PolicyListResp' });

/** A policy, or several of which each takes the place of one of its type. */
export const vaultAssociateRequest = z
  .object({
    policy_id: idField.optional(),
    add_policy_ids: z.array(idField).min(1).max(10).optional(),
    destination_vault_id: idField.optional(),
  })
  .refine(
    (body) => (body.policy_id === undefined) !== (body.add_policy_ids === undefined),
    'must have either policy_id or add_policy_ids',
  )
  .meta({ id: 'VaultAssociate' });

export const vaultDissociateRequest = z
  .object({ policy_id: idField })
  .meta({ id: 'VaultDissociate' });

const vaultPolicy = z
  .object({
    vault_id: z.string(),
    policy_id: z.string(),
    destination_vault_id: z.string().optional(),
  })
  .meta({ id: 'VaultPolicyResp' });

export const vaultAssociateResponse = z
  .object({ associate_policy: vaultPolicy })
  .meta({ id: 'VaultAssociateResp' });

export const vaultDissociateResponse = z
  .object({ dissociate_policy: vaultPolicy })
  .meta({ id: 'VaultDissociateResp' });
