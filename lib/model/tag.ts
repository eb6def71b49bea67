export interface Tag {
  key: string;
  value: string;
}

/** Keys, each with the values it may have; no values = any. */
export type TagFilter = { key: string; values: string[] }[];

/** What a search by tags asks for; an empty filter asks for nothing. */
export interface TagSearch {
  /** Only what has no tag at all; the rest is ignored then. */
  none: boolean;
  /** Every one of these. */
  all: TagFilter;
  /** At least one of these. */
  any: TagFilter;
  /** Not every one of these. */
  notAll: TagFilter;
  /** None of these. */
  notAny: TagFilter;
}

/** True when something with these tags is searched for. */
export const matchesTags = (tags: readonly Tag[], search: TagSearch): boolean => {
  if (search.none) return tags.length === 0;
  const has = ({ key, values }: TagFilter[number]): boolean =>
    tags.some((tag) => tag.key === key && (values.length === 0 || values.includes(tag.value)));
  const { all, any, notAll, notAny } = search;
  return (
    all.every(has) &&
    (any.length === 0 || any.some(has)) &&
    (notAll.length === 0 || !notAll.every(has)) &&
    !notAny.some(has)
  );
};
