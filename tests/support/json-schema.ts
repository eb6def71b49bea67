/**
 * A validator of JSON Schema 2020-12, as far as docs/openapi.yaml uses it: it owes nothing to the
 * library that the document is made with. A keyword that it does not know is an error, so that no
 * rule is passed over in silence.
 */
export type Schema = Record<string, unknown>;

/** What is wrong with a value, each fault with its place; empty when the value is valid. */
export function faultsOf(
  value: unknown,
  schema: Schema,
  schemas: Record<string, Schema>,
  at = 'body',
): string[] {
  return Object.entries(schema).flatMap(([keyword, wanted]) => {
    const check = CHECKS[keyword];
    if (!check) throw new Error(`${at}: the keyword ${keyword} is not known`);
    return check({ value, wanted: wanted as never, schema, schemas, at });
  });
}

interface Question<W> {
  value: unknown;
  /** What the keyword says. */
  wanted: W;
  /** Where it stands. */
  schema: Schema;
  schemas: Record<string, Schema>;
  at: string;
}
type Check<W> = (question: Question<W>) => string[];

/** A keyword that asks one thing of values of one kind; of others it asks nothing. */
const asks =
  <T, W>(
    isMeant: (value: unknown) => value is T,
    holds: (value: T, wanted: W) => boolean,
    text: (wanted: W) => string,
  ): Check<W> =>
  ({ value, wanted, at }) =>
    !isMeant(value) || holds(value, wanted) ? [] : [`${at} ${text(wanted)}`];

const isAny = (_: unknown): _ is unknown => true;
const isText = (value: unknown): value is string => typeof value === 'string';
const isNumber = (value: unknown): value is number => typeof value === 'number';
const isList = (value: unknown): value is unknown[] => Array.isArray(value);
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !isList(value);

const TYPES: Record<string, (value: unknown) => boolean> = {
  string: isText,
  number: isNumber,
  integer: (value) => Number.isInteger(value),
  boolean: (value) => typeof value === 'boolean',
  null: (value) => value === null,
  array: isList,
  object: isObject,
};

const FORMATS: Record<string, RegExp> = {
  'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/,
};

const NO_RULE: Check<unknown> = () => [];

/** As long as `text` is in characters, not in the units in which JavaScript counts. */
const lengthOf = (text: string): number => Array.from(text).length;

const CHECKS: Record<string, Check<never>> = {
  type: asks(
    isAny,
    (value, types: string | string[]) => [types].flat().some((type) => TYPES[type]?.(value)),
    (types) => `is not ${[types].flat().join(' or ')}`,
  ),
  enum: asks(
    isAny,
    (value, known: unknown[]) => known.includes(value),
    (known) => `is none of ${known.join(', ')}`,
  ),
  const: asks(
    isAny,
    (value, only: unknown) => value === only,
    (only) => `is not ${String(only)}`,
  ),
  pattern: asks(
    isText,
    (text, pattern: string) => new RegExp(pattern, 'u').test(text),
    (pattern) => `does not match ${pattern}`,
  ),
  format: asks(
    isText,
    (text, format: string) => FORMATS[format]?.test(text) ?? false,
    (format) => `is no ${format}`,
  ),
  minLength: asks(
    isText,
    (text, min: number) => lengthOf(text) >= min,
    (min) => `is shorter than ${min}`,
  ),
  maxLength: asks(
    isText,
    (text, max: number) => lengthOf(text) <= max,
    (max) => `is longer than ${max}`,
  ),
  minimum: asks(
    isNumber,
    (value, min: number) => value >= min,
    (min) => `is less than ${min}`,
  ),
  maximum: asks(
    isNumber,
    (value, max: number) => value <= max,
    (max) => `is more than ${max}`,
  ),
  minItems: asks(
    isList,
    (list, min: number) => list.length >= min,
    (min) => `has less than ${min} items`,
  ),
  maxItems: asks(
    isList,
    (list, max: number) => list.length <= max,
    (max) => `has more than ${max} items`,
  ),
  required: asks(
    isObject,
    (object, names: string[]) => names.every((name) => Object.hasOwn(object, name)),
    (names) => `lacks one of ${names.join(', ')}`,
  ),
  properties: ({ value, wanted, schemas, at }: Question<Record<string, Schema>>) =>
    Object.entries(isObject(value) ? value : {}).flatMap(([name, member]) =>
      Object.hasOwn(wanted, name)
        ? faultsOf(member, wanted[name] as Schema, schemas, `${at}.${name}`)
        : [],
    ),
  additionalProperties: ({ value, wanted, schema, schemas, at }: Question<Schema | false>) =>
    Object.entries(isObject(value) ? value : {}).flatMap(([name, member]) => {
      if (Object.hasOwn(schema['properties'] ?? {}, name)) return [];
      const place = `${at}.${name}`;
      return wanted ? faultsOf(member, wanted, schemas, place) : [`${place} is not documented`];
    }),
  propertyNames: ({ value, wanted, schemas, at }: Question<Schema>) =>
    Object.keys(isObject(value) ? value : {}).flatMap((name) =>
      faultsOf(name, wanted, schemas, `a name in ${at}`),
    ),
  items: ({ value, wanted, schema, schemas, at }: Question<Schema>) => {
    const first = ((schema['prefixItems'] ?? []) as unknown[]).length;
    const rest = isList(value) ? value.slice(first) : [];
    return rest.flatMap((item, nth) => faultsOf(item, wanted, schemas, `${at}.${first + nth}`));
  },
  prefixItems: ({ value, wanted, schemas, at }: Question<Schema[]>) =>
    (isList(value) ? value.slice(0, wanted.length) : []).flatMap((item, nth) =>
      faultsOf(item, wanted[nth] as Schema, schemas, `${at}.${nth}`),
    ),
  anyOf: ({ value, wanted, schemas, at }: Question<Schema[]>) => {
    const faults = wanted.map((schema) => faultsOf(value, schema, schemas, at));
    return faults.some((list) => list.length === 0) ? [] : faults.flat();
  },
  not: ({ value, wanted, schemas, at }: Question<Schema>) =>
    faultsOf(value, wanted, schemas, at).length > 0 ? [] : [`${at} must not be there`],
  $ref: ({ value, wanted, schemas, at }: Question<string>) => {
    const schema = schemas[wanted.replace('#/components/schemas/', '')];
    if (!schema) throw new Error(`${at}: there is no ${wanted}`);
    return faultsOf(value, schema, schemas, at);
  },
  default: NO_RULE,
  description: NO_RULE,
  example: NO_RULE,
};
