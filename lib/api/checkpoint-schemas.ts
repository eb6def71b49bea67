import * as z from 'zod';
import { description, freeName, idField, resourceRequest, time } from './fields.ts';
import { PROTECT_STATUSES } from './vault-schemas.ts';

/** Most resources a request may name: those that a vault can hold. */
const RESOURCES_MAX = 256;

const resourceIds = z.array(idField).max(RESOURCES_MAX);
const resourceDetails = z.array(resourceRequest).max(RESOURCES_MAX);

const parameters = z
  .object({
    auto_trigger: z.boolean().default(false),
    description: description.default(''),
    incremental: z.boolean().default(true),
    name: freeName.optional(),
    resource_details: resourceDetails.optional(),
    resources: resourceIds.optional(),
    retention_duration_days: z
      .literal(-1, 'a backup made by hand is kept until it is deleted')
      .optional(),
  })
  .refine(({ resource_details: details, resources }) => !details?.length || !resources?.length, {
    path: ['resources'],
    message: 'cannot be combined with resource_details',
  });

export const checkpointCreateRequest = z
  .object({
    checkpoint: z.object({
      vault_id: idField,
      parameters: parameters.prefault({}),
    }),
  })
  .meta({ id: 'VaultBackupReq' });

/** The quantities of a restore point's resources are texts (spec section 9.3, oddities). */
const resource = z
  .object({
    id: z.string(),
    type: z.string(),
    name: z.string(),
    protect_status: z.enum(PROTECT_STATUSES),
    resource_size: z.string().meta({ description: 'In GB.' }),
    backup_size: z.string().meta({ description: 'In MB.' }),
    backup_count: z.string(),
  })
  .meta({ id: 'CheckpointResourceResp' });

const skippedResource = z
  .object({
    id: z.string(),
    type: z.string(),
    name: z.string(),
    code: z.string(),
    reason: z.string(),
  })
  .meta({ id: 'CheckpointCreateSkippedResource' });

export const checkpointResponse = z
  .object({
    checkpoint: z.object({
      id: z.string(),
      project_id: z.string(),
      status: z.enum(['available', 'deleting', 'protecting', 'deleted', 'error-deleting', 'error']),
      created_at: time,
      vault: z.object({
        id: z.string(),
        name: z.string(),
        resources: z.array(resource),
        skipped_resources: z.array(skippedResource),
      }),
      extra_info: z.object({
        name: z.string(),
        description: z.string(),
        retention_duration: z.int(),
      }),
    }),
  })
  .meta({ id: 'CheckpointResp' });
