import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';
import { listAll } from './list-page.ts';

/** Every key that a vault of the project has, ascending, with all its values, ascending. */
export async function listProjectTags(
  _: object,
  caller: Caller,
  { catalog }: Pick<ApiPorts, 'catalog'>,
): Promise<{ key: string; values: string[] }[]> {
  const vaults = await listAll(catalog.vaults.list(caller.projectId));
  const byKey = Map.groupBy(
    vaults.flatMap(({ tags }) => tags),
    ({ key }) => key,
  );
  return [...byKey]
    .map(([key, tags]) => ({
      key,
      values: [...new Set(tags.map(({ value }) => value))].toSorted(),
    }))
    .toSorted((a, b) => (a.key < b.key ? -1 : 1));
}
