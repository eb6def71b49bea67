import { describe, expect, it } from '@jest/globals';
import { faultsOf, type Schema } from '../../support/json-schema.ts';
import { OPERATIONS, SCHEMAS } from '../../support/openapi.ts';

/** What holds answers against docs/openapi.yaml does hold them. */

const closed = { type: 'object', properties: { a: { type: 'null' } }, additionalProperties: false };

describe('the validator', () => {
  it.each<[Schema, unknown, unknown]>([
    [{ type: 'integer' }, 1, 1.5],
    [{ type: 'number' }, 1.5, '1'],
    [{ type: ['string', 'null'] }, null, false],
    [{ type: 'object' }, {}, []],
    [{ enum: ['a', 'b'] }, 'b', 'c'],
    [{ const: 'v3' }, 'v3', 'v4'],
    [{ pattern: String.raw`^\p{L}$` }, 'ä', '1'],
    [{ format: 'date-time' }, '2026-02-01T10:00:00.000+00:00', '2026-02-01 10:00:00'],
    [{ minLength: 1, maxLength: 2 }, '😀😀', '😀😀😀'],
    [{ minLength: 1 }, 'a', ''],
    [{ minimum: 1, maximum: 3 }, 3, 0],
    [{ maximum: 3 }, 3, 4],
    [{ minItems: 1, maxItems: 2 }, [1], []],
    [{ maxItems: 0 }, [], [1]],
    [{ items: { type: 'null' } }, [null], [null, 1]],
    [{ prefixItems: [{ const: 'a' }], items: { const: 'b' } }, ['a', 'b', 'b'], ['b', 'b']],
    [{ required: ['a'] }, { a: undefined }, { b: 1 }],
    [closed, { a: null }, { a: null, b: 1 }],
    [closed, {}, { a: 1 }],
    [closed, {}, JSON.parse('{"__proto__":1}')],
    [{ type: 'object', additionalProperties: { type: 'null' } }, { b: null }, { b: 1 }],
    [{ propertyNames: { maxLength: 1 } }, { a: 1 }, { ab: 1 }],
    [{ anyOf: [{ type: 'null' }, { const: 1 }] }, 1, 2],
    [{ not: { const: 1 } }, 2, 1],
    [
      { $ref: '#/components/schemas/Error' },
      { error_code: 'a', error_msg: '' },
      { error_code: '' },
    ],
  ])('by %j takes %j and not %j', (schema, good, bad) => {
    expect(faultsOf(good, schema, SCHEMAS)).toEqual([]);
    expect(faultsOf(bad, schema, SCHEMAS)).not.toEqual([]);
  });

  it('knows every keyword that it meets', () => {
    expect(() => faultsOf(1, { multipleOf: 2 }, SCHEMAS)).toThrow('multipleOf is not known');
    expect(() => faultsOf(1, { $ref: '#/components/schemas/No' }, SCHEMAS)).toThrow('there is no');
  });
});

it('no answer is open: what is not documented is a fault', () => {
  const answers = OPERATIONS.flatMap(({ responses }) => Object.values(responses));
  const open = answers
    .flatMap(({ content }) => (content ? objectsIn(content['application/json'].schema) : []))
    .filter((schema) => schema['additionalProperties'] === undefined);
  expect(open).toEqual([]);
});

/** All schemas of objects that a schema holds or names. */
function objectsIn(schema: unknown): Schema[] {
  if (typeof schema !== 'object' || schema === null) return [];
  const { $ref: name, ...rest } = schema as Schema;
  if (typeof name === 'string') return objectsIn(SCHEMAS[name.split('/').at(-1) as string]);
  const own = rest['type'] === 'object' ? [rest] : [];
  return [...own, ...Object.values(rest).flatMap(objectsIn)];
}
