import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';
import { listAll } from './list-page.ts';
import { mapLimited } from './map-limited.ts';

/** Capacity (GiB) and used bytes of all vaults of the project together. */
export async function showSummary(
  _: object,
  { projectId }: Caller,
  { catalog }: Pick<ApiPorts, 'catalog'>,
): Promise<{ sizeGib: number; usedBytes: number }> {
  const vaults = await listAll(catalog.vaults.list(projectId));
  const usages = await mapLimited(vaults, ({ id }) => catalog.vaults.usage(id));
  return {
    sizeGib: vaults.reduce((sum, vault) => sum + vault.sizeGib, 0),
    usedBytes: usages.reduce((sum, usage) => sum + usage.usedBytes, 0),
  };
}
