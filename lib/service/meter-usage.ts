import { isError } from '../errors.ts';
import { dayOf, LEDGER_MS, supersededChanges, type VaultChange } from '../model/usage-ledger.ts';
import type { DataPorts, DataSettings } from './data-ports.ts';
import { mapLimited } from './map-limited.ts';

interface Ports extends Pick<DataPorts, 'catalog' | 'clock' | 'probe'> {
  settings: Pick<DataSettings, 'ledgerMs'>;
}

/**
 * Keeps what each vault holds in this hour, and forgets what is older than the ledger is kept. What
 * a vault costs by its capacity needs no hourly look: changes are kept when they are made (spec
 * row BF2). Fired twice in an hour it adds nothing; an hour that it missed takes the one before.
 */
export async function meterUsage(
  ports: Ports,
): Promise<{ sampled: number; forgotten: number; failed: number }> {
  const { clock, probe, settings } = ports;
  const vaults = await changesByVault(ports);
  const total = { sampled: 0, forgotten: 0, failed: 0 };
  await mapLimited(vaults, async (ofVault) => {
    try {
      if (await sample(ofVault.at(-1)!, ports)) total.sampled++;
    } catch (error) {
      total.failed++;
      probe.problem('usage.not-sampled', error, { vaultId: ofVault[0]!.vaultId });
    }
  });
  total.forgotten = await forget(
    vaults,
    dayOf(clock.nowMs() - (settings.ledgerMs ?? LEDGER_MS)),
    ports,
  );
  probe.note('usage.metered', total);
  return total;
}

async function changesByVault({ catalog }: Ports): Promise<VaultChange[][]> {
  const { ledger, garbage, vaults } = catalog;
  const known = Map.groupBy(await Array.fromAsync(ledger.changes()), ({ vaultId }) => vaultId);
  for await (const { projectId, vaultId } of garbage.vaultIds()) {
    if (known.has(vaultId)) continue;
    // It was rebuilt from its objects: the next look samples it.
    const vault = await vaults.get(projectId, vaultId);
    if (vault.status !== 'deleting') await ledger.begin(vault);
  }
  return [...known.values()];
}

/** False when there is nothing to sample: the vault is gone. */
async function sample(
  { projectId, vaultId, spec }: VaultChange,
  { catalog, clock }: Ports,
): Promise<boolean> {
  if (spec === undefined) return false;
  try {
    const { usedBytes, backupCount } = await catalog.vaults.usage(vaultId);
    const atMs = clock.nowMs();
    await catalog.ledger.addSample({ projectId, vaultId, atMs, usedBytes, backupCount });
    return true;
  } catch (error) {
    // Deleted since the ledger was read.
    if (isError(error, 'BackupService.6105')) return false;
    throw error;
  }
}

/** Samples first: once the last change of a project is gone, nobody finds them. */
async function forget(
  vaults: readonly VaultChange[][],
  beforeMs: number,
  { catalog: { ledger } }: Ports,
): Promise<number> {
  for (const projectId of new Set(vaults.map(([first]) => first!.projectId)))
    await ledger.removeSamples(projectId, beforeMs);
  const old = vaults.flatMap((changes) => supersededChanges(changes, beforeMs));
  await mapLimited(old, (change) => ledger.removeChange(change));
  return old.length;
}
