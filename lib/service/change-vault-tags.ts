import { HoldfastError } from '../errors.ts';
import type { VaultId } from '../model/ids.ts';
import type { Tag } from '../model/tag.ts';
import { VAULT_LIMITS } from '../model/vault.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';
import { changeVault } from './change-vault.ts';

/** What is needed to change a vault. */
type Ports = Pick<ApiPorts, 'catalog' | 'clock'>;

/**
 * Adds and removes tags, all in one change. A key that is there takes the new value; one to be
 * removed may be missing. `BackupService.6600` when the vault would have too many.
 */
export async function changeVaultTags(
  { vaultId, add, removeKeys }: { vaultId: VaultId; add: Tag[]; removeKeys: string[] },
  caller: Caller,
  ports: Ports,
): Promise<void> {
  await changeTags(vaultId, caller, ports, (before) => {
    const added = new Map(add.map((tag) => [tag.key, tag]));
    const gone = new Set([...removeKeys, ...added.keys()]);
    const tags = [...before.filter(({ key }) => !gone.has(key)), ...added.values()];
    checkTagCount(tags);
    return tags;
  });
}

/** Removes a tag; `BackupService.6601` when the vault has none of that key. */
export async function deleteVaultTag(
  { vaultId, key }: { vaultId: VaultId; key: string },
  caller: Caller,
  ports: Ports,
): Promise<void> {
  await changeTags(vaultId, caller, ports, (before) => {
    const tags = before.filter((tag) => tag.key !== key);
    if (tags.length === before.length) throw new HoldfastError('BackupService.6601', { key });
    return tags;
  });
}

/** `BackupService.6600` when these are more tags than a vault takes. */
export function checkTagCount(tags: readonly Tag[]): void {
  const max = VAULT_LIMITS.tagsMax;
  if (tags.length > max) throw new HoldfastError('BackupService.6600', { max });
}

async function changeTags(
  vaultId: VaultId,
  { projectId }: Caller,
  ports: Ports,
  change: (tags: Tag[]) => Tag[],
): Promise<void> {
  await changeVault(
    projectId,
    vaultId,
    async (vault) => ({ ...vault, tags: change(vault.tags), updatedAtMs: ports.clock.nowMs() }),
    ports,
  );
}
