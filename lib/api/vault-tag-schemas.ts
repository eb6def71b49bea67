import * as z from 'zod';
import { tag, tags } from './fields.ts';
import { CLOUD_TYPES, OBJECT_TYPES, vaultBody } from './vault-schemas.ts';

/** Filters of one request, and values of one filter, at most. */
const FILTERS_MAX = 20;
const OFFSET_MAX = 10 ** 12;

export const vaultTagCreateRequest = z.object({ tag }).meta({ id: 'VaultTagsCreateReq' });

/** To delete a tag its key is enough. */
export const vaultTagsActionRequest = z
  .object({
    action: z.enum(['create', 'delete']),
    tags: z
      .array(tag.partial({ value: true }))
      .max(FILTERS_MAX)
      .optional(),
    sys_tags: z
      .array(tag.partial({ value: true }))
      .max(FILTERS_MAX)
      .optional(),
  })
  .meta({ id: 'BulkCreateAndDeleteVaultTagsReq' });

/** A key and the values of which a vault must have one; none = any value. */
const tagFilter = z
  .object({ key: z.string().min(1).max(64), values: z.array(z.string().max(255)).max(FILTERS_MAX) })
  .meta({ id: 'TagsReq' });
const tagFilters = z.array(tagFilter).max(FILTERS_MAX).default([]);

/** A whole number, which callers send as text (spec section 9.3, oddities) or as a number. */
const numberText = (min: number, max: number, otherwise: number) =>
  z
    .union([z.string().regex(/^\d{1,15}$/, 'must be a whole number'), z.int()])
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be from ${min} to ${max}`)
    .default(otherwise)
    .meta({ override: { default: String(otherwise) } });

export const vaultInstancesRequest = z
  .object({
    action: z.enum(['filter', 'count']),
    without_any_tag: z.boolean().default(false),
    tags: tagFilters,
    tags_any: tagFilters,
    not_tags: tagFilters,
    not_tags_any: tagFilters,
    sys_tags: tagFilters,
    matches: z
      .array(z.object({ key: z.literal('resource_name'), value: z.string().max(64) }))
      .max(1)
      .default([]),
    cloud_type: z.enum(CLOUD_TYPES).optional(),
    object_type: z.enum(OBJECT_TYPES).optional(),
    limit: numberText(1, 1000, 1000),
    offset: numberText(0, OFFSET_MAX, 0),
  })
  .meta({ id: 'VaultResourceInstancesReq' });

const sysTag = z.object({ key: z.string(), value: z.string() }).meta({ id: 'SysTag' });

export const vaultInstancesResponse = z
  .object({
    resources: z
      .array(
        z
          .object({
            resource_id: z.string(),
            resource_name: z.string(),
            resource_detail: z.object({ vault: vaultBody }),
            tags,
            sys_tags: z.array(sysTag),
          })
          .meta({ id: 'TagResource' }),
      )
      .optional(),
    total_count: z.int(),
  })
  .meta({ id: 'VaultResourceInstancesResp' });

export const projectTagsResponse = z
  .object({ tags: z.array(z.object({ key: z.string(), values: z.array(z.string()) })) })
  .meta({ id: 'VaultProjectTagGetResp' });

export const vaultTagsResponse = z
  .object({ tags, sys_tags: z.array(sysTag) })
  .meta({ id: 'VaultTagGetResp' });
