import type { Item } from './codec.ts';
import type { ItemKey } from './keys.ts';

/** When a write may happen. All that is given must hold. */
export interface Condition {
  /** The item is there, or is not. */
  exists?: boolean;
  /** Attributes that have exactly these values. */
  equal?: Item;
  /** Attributes that have one of the values. */
  oneOf?: Record<string, readonly string[]>;
  /** Attributes that are absent or have another value. */
  not?: Item;
  /** Attributes that are absent. */
  absent?: readonly string[];
  /** Attributes that are absent or less. */
  below?: Record<string, number>;
}

/** What an update does to an item. */
export interface Change {
  /** Attributes that are set; those that are undefined are left alone. */
  set?: Item;
  /** Attributes that are set unless they are there. */
  setOnce?: Item;
  /** Numbers that grow by this much. They must be there. */
  add?: Record<string, number>;
  /** Numbers that grow by this much, from 0 when they are not there. */
  count?: Record<string, number>;
  remove?: readonly string[];
}

/** One write of an item; several of them make a transaction. */
export type Write =
  | { put: Item; when?: Condition }
  | { update: ItemKey; change: Change; when: Condition }
  | { remove: ItemKey; when?: Condition }
  | { check: ItemKey; when: Condition };

/** The parameters of a request that are made of expressions. */
export interface Expressions {
  ConditionExpression?: string;
  UpdateExpression?: string;
  ExpressionAttributeNames?: Record<string, string>;
  ExpressionAttributeValues?: Item;
}

/** The expressions of a write. Every name and value is a placeholder: no word is reserved. */
export const expressions = (when: Condition = {}, change?: Change): Expressions => {
  const names: Record<string, string> = {};
  const values: Item = {};
  const name = (attribute: string) => {
    names[`#${attribute}`] = attribute;
    return `#${attribute}`;
  };
  const value = (given: unknown) => {
    const placeholder = `:v${Object.keys(values).length}`;
    values[placeholder] = given;
    return placeholder;
  };
  const condition = conditionTerms(when, name, value).join(' AND ');
  const update = change === undefined ? '' : updateClauses(change, name, value).join(' ');
  return {
    ...(condition !== '' && { ConditionExpression: condition }),
    ...(update !== '' && { UpdateExpression: update }),
    ...(Object.keys(names).length > 0 && { ExpressionAttributeNames: names }),
    ...(Object.keys(values).length > 0 && { ExpressionAttributeValues: values }),
  };
};

type Place = (given: string) => string;
type PlaceAny = (given: unknown) => string;

const conditionTerms = (when: Condition, name: Place, value: PlaceAny): string[] => {
  const { exists, equal = {}, not = {}, oneOf = {}, absent = [], below = {} } = when;
  const presence = exists === true ? 'attribute_exists' : 'attribute_not_exists';
  return [
    ...(exists === undefined ? [] : [`${presence}(${name('pk')})`]),
    ...Object.entries(equal).map(([key, given]) => `${name(key)} = ${value(given)}`),
    ...Object.entries(oneOf).map(
      ([key, given]) => `${name(key)} IN (${given.map((each) => value(each)).join(', ')})`,
    ),
    // An absent attribute compares as false.
    ...Object.entries(not).map(([key, given]) => `NOT ${name(key)} = ${value(given)}`),
    ...absent.map((key) => `attribute_not_exists(${name(key)})`),
    ...Object.entries(below).map(([key, given]) => `NOT ${name(key)} >= ${value(given)}`),
  ];
};

const updateClauses = (change: Change, name: Place, value: PlaceAny): string[] => {
  const { set = {}, setOnce = {}, add = {}, count = {}, remove = [] } = change;
  const sets = [
    ...Object.entries(set)
      .filter(([, given]) => given !== undefined)
      .map(([key, given]) => `${name(key)} = ${value(given)}`),
    ...Object.entries(setOnce).map(
      ([key, given]) => `${name(key)} = if_not_exists(${name(key)}, ${value(given)})`,
    ),
    ...Object.entries(add).map(([key, given]) => `${name(key)} = ${name(key)} + ${value(given)}`),
    ...Object.entries(count).map(
      ([key, given]) => `${name(key)} = if_not_exists(${name(key)}, ${value(0)}) + ${value(given)}`,
    ),
  ];
  return [
    ...(sets.length > 0 ? [`SET ${sets.join(', ')}`] : []),
    ...(remove.length > 0 ? [`REMOVE ${remove.map(name).join(', ')}`] : []),
  ];
};
