import * as z from 'zod';

/**
 * Query parameters. All arrive as text; repeated ones as one text with commas, empty ones not at
 * all. `meta` gives the documents the type that callers mean.
 */

/** Documents a parameter by what callers mean, in place of how its text is checked. */
const meaning =
  (schema: object) =>
  ({ jsonSchema }: { jsonSchema: object }): void => {
    for (const key of Object.keys(jsonSchema)) Reflect.deleteProperty(jsonSchema, key);
    Object.assign(jsonSchema, schema);
  };

const LIST_LIMIT_MAX = 1000;
const OFFSET_MAX = 10 ** 12;
const VALUES_MAX = 100;
/** Longer than any id; the catalog looks them up as they are. */
const VALUE_MAX = 255;

/** A whole number. */
export const wholeNumber = (min: number, max: number) =>
  z
    .string()
    .regex(/^\d{1,15}$/, `must be a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `must be from ${min} to ${max}`)
    .meta({ override: meaning({ type: 'integer', minimum: min, maximum: max }) });

/** A whole number from 1 on, or `-1` for none. */
export const wholeNumberOrOff = (max: number) =>
  z
    .string()
    .regex(/^(-1|\d{1,15})$/, `must be -1 or 1 to ${max}`)
    .transform(Number)
    .refine((value) => value === -1 || (value >= 1 && value <= max), `must be -1 or 1 to ${max}`)
    .meta({ override: meaning({ type: 'integer', minimum: -1, maximum: max }) });

/** `true` or `false`, also written `True` (as the Python SDK does). */
export const truth = z
  .stringbool({ truthy: ['true'], falsy: ['false'] })
  .meta({ override: meaning({ type: 'boolean' }) });

/** `2026-02-01T12:00:00Z` as milliseconds since the epoch. */
export const moment = z.iso
  .datetime('must be a time such as 2026-02-01T12:00:00Z')
  .transform((text) => Date.parse(text))
  .meta({ override: meaning({ type: 'string', format: 'date-time' }) });

/** One of the values. */
export const oneOf = <const V extends readonly string[]>(values: V) => z.enum(values);

/** An id by which the catalog looks something up: none is so long that a key cannot hold it. */
export const idText = z.string().max(VALUE_MAX);

/** An enterprise project's id; `all_granted_eps` asks for all of them, as its absence does. */
export const enterpriseProject = z
  .string()
  .transform((id) => (id === 'all_granted_eps' ? undefined : id))
  .meta({ override: meaning({ type: 'string' }) });

/** Values with commas between them, or the parameter several times. */
export const someOf = <const V extends readonly string[]>(values: V) =>
  texts
    .pipe(z.array(z.enum(values)))
    .meta({ override: meaning({ type: 'array', items: { type: 'string', enum: [...values] } }) });

/** Any texts with commas between them, or the parameter several times. */
export const texts = z
  .string()
  .transform((text) => text.split(',').filter((part) => part !== ''))
  .refine(
    (parts) => parts.length <= VALUES_MAX && parts.every((part) => part.length <= VALUE_MAX),
    `must be at most ${VALUES_MAX} values of ${VALUE_MAX} characters`,
  )
  .meta({ override: meaning({ type: 'array', items: { type: 'string' } }) });

/** `key:asc,other:desc`; a key alone is descending, as CBR has it. */
export const sorting = <const K extends readonly [string, ...string[]]>(keys: K) =>
  z
    .string()
    .regex(
      new RegExp(`^${sortKey(keys)}(?:,${sortKey(keys)}){0,${keys.length - 1}}$`),
      `must be of ${keys.join(', ')}, each with :asc or :desc`,
    )
    .transform((text) =>
      text.split(',').map((part) => {
        const [key, direction] = part.split(':');
        return { key: key as K[number], descending: direction !== 'asc' };
      }),
    )
    .meta({ override: meaning({ type: 'string', example: `${keys[0]}:desc` }) });

const sortKey = (keys: readonly string[]): string => `(?:${keys.join('|')})(?::asc|:desc)?`;

const limit = wholeNumber(1, LIST_LIMIT_MAX)
  .default(LIST_LIMIT_MAX)
  .meta({ override: { default: LIST_LIMIT_MAX } });
const offset = wholeNumber(0, OFFSET_MAX)
  .default(0)
  .meta({ override: { default: 0 } });

/** Parameters of every list. */
export const PAGE = { limit, offset };
/** Parameters of the lists that may also be walked by the last id seen. */
export const PAGE_WITH_MARKER = { limit, offset, marker: idText.optional() };

/** The `page` of a command. */
export const pageOf = (query: { limit: number; offset: number; marker?: string | undefined }) => ({
  limit: query.limit,
  offset: query.offset,
  marker: query.marker,
});
