import { HoldfastError } from '../../../errors.ts';
import type { ItemKey } from './keys.ts';

/** An item as the document client takes and gives it. */
export type Item = Record<string, unknown>;

/** Reads one attribute; throws a `RangeError` that says what is wrong. */
export type Field<V> = (value: unknown) => V;

/** A field for every attribute of a record. */
export type Shape<T> = { [K in keyof T]-?: Field<T[K]> };

/** How a record is an item and back. */
export interface Codec<T> {
  encode(record: T): Item;
  /** `catalog.malformed` when the item is not such a record. */
  decode(item: Item): T;
}

/** `address` gives the record's key and index attributes. */
export const codec = <T extends object>(
  shape: Shape<T>,
  address: (record: T) => ItemKey,
): Codec<T> => {
  const read = object(shape);
  return {
    encode: (record) => Object.assign<Item, T, ItemKey>({}, record, address(record)),
    decode: (item) => {
      try {
        return read(item);
      } catch (cause) {
        if (!(cause instanceof RangeError)) throw cause;
        const where = `${String(item['pk'])} ${String(item['sk'])}`;
        throw new HoldfastError('catalog.malformed', { item: where, reason: cause.message });
      }
    },
  };
};

const expect = (ok: boolean, what: string): void => {
  if (!ok) throw new RangeError(`expected ${what}`);
};

export const text: Field<string> = (value) => {
  expect(typeof value === 'string', 'a text');
  return value as string;
};

export const integer: Field<number> = (value) => {
  expect(Number.isSafeInteger(value), 'an integer');
  return value as number;
};

/** What a caller set or counted: any finite number. */
export const number: Field<number> = (value) => {
  expect(Number.isFinite(value), 'a number');
  return value as number;
};

export const flag: Field<boolean> = (value) => {
  expect(typeof value === 'boolean', 'true or false');
  return value as boolean;
};

/** A mark that is there or not. */
export const mark: Field<true> = (value) => {
  expect(value === true, 'true');
  return true;
};

export const bytes: Field<Uint8Array> = (value) => {
  expect(ArrayBuffer.isView(value), 'bytes');
  return Uint8Array.from(value as Uint8Array);
};

export const oneOf =
  <V extends string>(...values: readonly V[]): Field<V> =>
  (value) => {
    expect(values.includes(value as V), `one of ${values.join(', ')}`);
    return value as V;
  };

/** One of the states of a state table. */
export const stateOf = <S extends string>(table: Record<S, unknown>): Field<S> =>
  oneOf(...(Object.keys(table) as S[]));

export const optional =
  <V>(field: Field<V>): Field<V | undefined> =>
  (value) =>
    value === undefined ? undefined : field(value);

export const nullable =
  <V>(field: Field<V>): Field<V | null> =>
  (value) =>
    value === null ? null : field(value);

export const listOf =
  <V>(field: Field<V>): Field<V[]> =>
  (value) => {
    expect(Array.isArray(value), 'a list');
    return (value as unknown[]).map(field);
  };

/** Values by any name. */
export const recordOf =
  <V>(field: Field<V>): Field<Record<string, V>> =>
  (value) => {
    const entries = Object.entries(asObject(value));
    return Object.fromEntries(entries.map(([name, entry]) => [name, field(entry)]));
  };

/** The fields of `shape` and no others; absent optional ones stay absent. */
export const object = <T extends object>(shape: Shape<T>): Field<T> => {
  const fields = Object.entries(shape) as [string, Field<unknown>][];
  return (value) => {
    const source = asObject(value);
    const record: Item = {};
    for (const [name, field] of fields) {
      const read = readField(name, field, source[name]);
      if (read !== undefined) record[name] = read;
    }
    return record as T;
  };
};

const asObject = (value: unknown): Item => {
  expect(typeof value === 'object' && value !== null, 'an object');
  return value as Item;
};

const readField = (name: string, field: Field<unknown>, value: unknown): unknown => {
  try {
    return field(value);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new RangeError(`${name}: ${cause.message}`, { cause });
  }
};
