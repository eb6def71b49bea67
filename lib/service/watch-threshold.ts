import type { ProjectId, VaultId } from '../model/ids.ts';
import type { Notice } from '../model/notice.ts';
import { GIBIBYTE, type Vault } from '../model/vault.ts';
import type { Catalog } from '../ports/catalog.ts';
import type { Clock } from '../ports/clock.ts';
import type { Notifier } from '../ports/notifier.ts';
import type { Probe } from '../ports/probe.ts';
import { changeVault } from './change-vault.ts';
import { noticeOf, sendNotice } from './send-notice.ts';

interface Ports {
  catalog: Catalog;
  clock: Clock;
  notifier: Notifier;
  probe: Probe;
}

/**
 * Tells a vault's owner that it is used up to its threshold. The vault remembers that it was told,
 * so that it is told once, until it is seen under it; of two backups that end at once both may
 * tell. The mark is set after the notice is sent: rather twice than never.
 */
export async function watchThreshold(
  { projectId, vaultId }: { projectId: ProjectId; vaultId: VaultId },
  ports: Ports,
): Promise<void> {
  const { catalog, clock } = ports;
  const vault = await catalog.vaults.get(projectId, vaultId);
  const { usedBytes } = await catalog.vaults.usage(vaultId);
  const wasReached = vault.thresholdReachedAtMs !== undefined;
  if (isReached(vault, usedBytes) === wasReached) return;
  const atMs = clock.nowMs();
  if (!wasReached && !(await tellThreshold(vault, usedBytes, atMs, ports))) return;
  const mark = async (current: Vault): Promise<Vault> => {
    const { thresholdReachedAtMs: _, ...rest } = current;
    return wasReached ? rest : { ...rest, thresholdReachedAtMs: atMs };
  };
  await changeVault(projectId, vaultId, mark, ports);
}

const isReached = ({ threshold, sizeGib }: Vault, usedBytes: number): boolean =>
  usedBytes * 100 >= threshold * sizeGib * GIBIBYTE;

async function tellThreshold(
  vault: Vault,
  usedBytes: number,
  atMs: number,
  ports: Ports,
): Promise<boolean> {
  if (!vault.smnNotify) return false;
  const { sizeGib, threshold } = vault;
  const notice: Notice = {
    type: 'vault.threshold-reached',
    id: `${vault.id}-${atMs}`,
    ...noticeOf(vault, atMs),
    usedBytes,
    sizeBytes: sizeGib * GIBIBYTE,
    threshold,
  };
  return sendNotice(notice, ports);
}
