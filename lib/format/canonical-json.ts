import { DOCUMENT_BYTES_MAX, DOCUMENT_DEPTH_MAX } from './limits.ts';
import { asBuffer, malformed, mustBe } from './structure.ts';

/** A JSON object as a document holds it: fields by name, of any JSON value. */
export type Fields = Record<string, unknown>;

/** True when a value is one that a field may have. */
export type Rule = (value: unknown) => boolean;

/**
 * The one way to write a value as JSON: no white space, members by ascending name (in UTF-16 code
 * units), strings and numbers as `JSON.stringify` has them. So equal values have equal bytes, and
 * a hash covers the value.
 */
export function canonicalJson(value: unknown, depth = 0): string {
  if (depth > DOCUMENT_DEPTH_MAX) throw new RangeError(`deeper than ${DOCUMENT_DEPTH_MAX}`);
  if (Array.isArray(value)) {
    return `[${value.map((item) => canonicalJson(item, depth + 1)).join(',')}]`;
  }
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const members = Object.entries(value)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonicalJson(member, depth + 1)}`);
  return `{${members.join(',')}}`;
}

/** The bytes of a document. */
export function encodeJson(fields: Fields): Uint8Array {
  const bytes = Buffer.from(canonicalJson(fields), 'utf8');
  mustBe(bytes.length <= DOCUMENT_BYTES_MAX, `a document has at most ${DOCUMENT_BYTES_MAX} bytes`);
  return bytes;
}

/**
 * The fields of a document that is a JSON object, written canonically, within the limits.
 *
 * @throws format.malformed
 */
export function decodeJson(what: string, bytes: Uint8Array): Fields {
  if (bytes.length > DOCUMENT_BYTES_MAX) throw malformed(what, `it has ${bytes.length} bytes`);
  const [fields, canonical] = parse(what, bytes);
  if (fields === null || typeof fields !== 'object' || Array.isArray(fields)) {
    throw malformed(what, 'it is not a JSON object');
  }
  if (!asBuffer(bytes).equals(Buffer.from(canonical, 'utf8'))) {
    throw malformed(what, 'it is not in canonical form');
  }
  return fields as Fields;
}

function parse(what: string, bytes: Uint8Array): [unknown, string] {
  try {
    const value: unknown = JSON.parse(asBuffer(bytes).toString('utf8'));
    return [value, canonicalJson(value)];
  } catch (cause) {
    throw malformed(what, 'it is not JSON, or nested too deep', cause);
  }
}

/**
 * Checks that every field a rule is given for is there and obeys it. Fields without a rule are
 * left alone: a later release may add some that this one can do without.
 *
 * @throws format.malformed
 */
export function checkFields(what: string, fields: Fields, rules: Record<string, Rule>): void {
  for (const [name, rule] of Object.entries(rules)) {
    if (!Object.hasOwn(fields, name) || !rule(fields[name])) {
      throw malformed(what, `its field ${name} is missing or not valid`);
    }
  }
}

export const isText: Rule = (value) => typeof value === 'string';

export const isCount: Rule = (value) => Number.isSafeInteger(value) && (value as number) >= 0;

/** A rule for an object, each field of which has a rule of its own. */
export const hasFields =
  (rules: Record<string, Rule>): Rule =>
  (value) =>
    value !== null &&
    typeof value === 'object' &&
    Object.entries(rules).every(
      ([name, rule]) => Object.hasOwn(value, name) && rule((value as Fields)[name]),
    );
