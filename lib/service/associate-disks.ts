import { isError } from '../errors.ts';
import type { AppliedPolicy } from '../model/applied-policy.ts';
import { type Disk, mayBeProtected } from '../model/disk.ts';
import { allows, GIBIBYTE, matchesBindRules, VAULT_LIMITS, type Vault } from '../model/vault.ts';
import type { Notifier } from '../ports/notifier.ts';
import type { ApiPorts } from './api-ports.ts';
import { noticeOf, sendNotice } from './send-notice.ts';

type Ports = Pick<ApiPorts, 'catalog' | 'disks' | 'clock' | 'probe'> & { notifier: Notifier };

/** Spec section 3.5: disks are taken in while more than this is left of the capacity. */
const SPARE_BYTES = 40 * GIBIBYTE;

/**
 * At a time point of the policy of a vault with `auto_bind`: takes in the disks that no vault has
 * and that its rules match (spec section 3.5). Of several vaults that could take a disk it is the
 * one whose time point comes first; two that come at once are decided by `bind`. The vault's owner
 * is told.
 */
export async function associateDisks(
  { projectId, vaultId, policyId }: AppliedPolicy,
  pointMs: number,
  ports: Ports,
): Promise<void> {
  const vault = await ports.catalog.vaults.get(projectId, vaultId);
  if (!vault.autoBind || !allows(vault.status, 'associate')) return;
  const taken = await takeIn(vault, ports);
  if (taken.length === 0) return;
  const disks = taken.map(({ id, name }) => ({ id, name }));
  ports.probe.note('vault.disks-associated', { vaultId, disks: disks.length });
  if (!vault.smnNotify) return;
  await sendNotice(
    {
      type: 'vault.disks-associated',
      id: `${vaultId}-associated-${pointMs}`,
      ...noticeOf(vault, ports.clock.nowMs()),
      policyId,
      disks,
    },
    ports,
  );
}

async function takeIn(vault: Vault, ports: Ports): Promise<Disk[]> {
  const bound = await ports.catalog.vaults.bindings(vault.id);
  const allocatedBytes = bound.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  let freeBytes = vault.sizeGib * GIBIBYTE - allocatedBytes;
  const taken: Disk[] = [];
  for await (const disk of ports.disks.list()) {
    const isFull = bound.length + taken.length >= VAULT_LIMITS.resourcesMax;
    if (isFull || freeBytes <= SPARE_BYTES) break;
    if (!mayBeProtected(disk.status) || !matchesBindRules(disk.tags, vault.bindRules)) continue;
    if (disk.sizeBytes >= freeBytes || !(await take(disk, vault, ports))) continue;
    taken.push(disk);
    freeBytes -= disk.sizeBytes;
  }
  return taken;
}

/** False when a vault has it already, perhaps since just now. */
async function take(disk: Disk, vault: Vault, { catalog, clock }: Ports): Promise<boolean> {
  const { projectId, id: vaultId } = vault;
  const { id: diskId, name, sizeBytes } = disk;
  if (await catalog.vaults.binding(projectId, diskId)) return false;
  const createdAtMs = clock.nowMs();
  try {
    await catalog.vaults.bind({ projectId, vaultId, diskId, name, sizeBytes, createdAtMs });
    return true;
  } catch (error) {
    if (!isError(error, 'BackupService.7006')) throw error;
    return false;
  }
}
