import * as z from 'zod';

/** Fields that several requests or answers share (spec Appendix A and section 3.2). */

/** The kinds of resources of the API, of which this release knows disks (spec section 9.2). */
export const PROVIDER_ID = 'd1603440-187d-4516-af25-121250c7cc97';

/** Most characters of a bounded text that is not further described. */
const TEXT_MAX = 255;

/** Ids that stand in bodies: other than in paths, a malformed one is just not found. */
export const idField = z.string().min(1).max(TEXT_MAX);

/** Letters of any script, digits, `_` and `-`. */
export const vaultName = z
  .string()
  .regex(/^[\p{L}\p{N}_-]{1,64}$/u, 'must be 1 to 64 letters, digits, _ or -');

/** A backup's or disk's name: anything that can be shown on one line. */
export const freeName = z
  .string()
  .min(1)
  .max(64)
  .regex(/^\P{Cc}*$/u, 'must not have control characters');

export const description = z.string().max(TEXT_MAX);

const TAG_TEXT = /^[\p{L}\p{N}_-]*$/u;
const TAG_RULE = 'must be letters, digits, _ or -';

export const tag = z
  .object({
    key: z.string().min(1).max(36).regex(TAG_TEXT, TAG_RULE),
    value: z.string().max(43).regex(TAG_TEXT, TAG_RULE),
  })
  .meta({ id: 'Tag' });

export const tags = z
  .array(tag)
  .refine((list) => new Set(list.map(({ key }) => key)).size === list.length, 'keys must differ');

/** At most 5 tags, any of which a disk must have to be bound (spec section 3.2). */
export const bindRules = z.object({ tags: z.array(tag).max(5).optional() });

/** Clients send it as a number and as a text; we answer with the text. */
export const enterpriseProjectId = z
  .union([z.string().max(64), z.int()])
  .transform((id) => String(id));

export const threshold = z.int().min(1).max(100);

/** A vault resource, as requests name it. Further fields are for servers. */
export const resourceRequest = z.object({
  id: idField,
  type: z.string().min(1).max(TEXT_MAX),
  name: z.string().max(TEXT_MAX).optional(),
});

/** `2026-02-01T10:00:00.000+00:00` */
export const time = z.iso.datetime({ offset: true, precision: 3 });

export const errorResponse = z
  .object({ error_code: z.string(), error_msg: z.string() })
  .meta({ id: 'Error' });
