import { DAY_MS } from '../model/duration.ts';
import type { ProjectId, VaultId } from '../model/ids.ts';
import type { Lack } from '../model/notice.ts';
import type { Vault } from '../model/vault.ts';
import type { Catalog } from '../ports/catalog.ts';
import type { Clock } from '../ports/clock.ts';
import type { Notifier } from '../ports/notifier.ts';
import type { Probe } from '../ports/probe.ts';
import { changeVault } from './change-vault.ts';
import { ruleInForce } from './rule-in-force.ts';
import { noticeOf, sendNotice } from './send-notice.ts';
import { watchThreshold } from './watch-threshold.ts';

interface Ports {
  catalog: Catalog;
  clock: Clock;
  notifier: Notifier;
  probe: Probe;
}

/**
 * Tells the owner of a vault how it stands (spec section 3.2): each day that it is frozen; once
 * that nothing backs it up, and once that something does again; that its threshold is reached. The
 * vault remembers what was told, after it was: rather twice than never.
 */
export async function tellVaultState(
  { projectId, vaultId }: { projectId: ProjectId; vaultId: VaultId },
  ports: Ports,
): Promise<void> {
  const vault = await ports.catalog.vaults.get(projectId, vaultId);
  if (!vault.smnNotify || vault.status === 'deleting') return;
  if (vault.status === 'frozen') return tellFrozen(vault, ports);
  await tellProtection(vault, ports);
  // What was deleted is freed between two backups.
  await watchThreshold({ projectId, vaultId }, ports);
}

async function tellFrozen(vault: Vault, ports: Ports): Promise<void> {
  const atMs = ports.clock.nowMs();
  const day = Math.floor(atMs / DAY_MS);
  const { frozenToldAtMs } = vault;
  if (frozenToldAtMs !== undefined && Math.floor(frozenToldAtMs / DAY_MS) === day) return;
  const id = `${vault.id}-frozen-${day}`;
  if (!(await sendNotice({ type: 'vault.frozen', id, ...noticeOf(vault, atMs) }, ports))) return;
  await remember(vault, (current) => ({ ...current, frozenToldAtMs: atMs }), ports);
}

async function tellProtection(vault: Vault, ports: Ports): Promise<void> {
  const atMs = ports.clock.nowMs();
  const { unprotectedToldAtMs, createdAtMs } = vault;
  const lacks = await lacksOf(vault, ports);
  const wasTold = unprotectedToldAtMs !== undefined;
  if (lacks.length > 0 === wasTold || (!wasTold && atMs < createdAtMs + DAY_MS)) return;
  const common = { id: `${vault.id}-protection-${atMs}`, ...noticeOf(vault, atMs) };
  const isSent = wasTold
    ? await sendNotice({ type: 'vault.protected', ...common }, ports)
    : await sendNotice({ type: 'vault.unprotected', ...common, lacks }, ports);
  if (!isSent) return;
  const change = ({ unprotectedToldAtMs: _, ...rest }: Vault): Vault =>
    wasTold ? rest : { ...rest, unprotectedToldAtMs: atMs };
  await remember(vault, change, ports);
}

async function lacksOf(vault: Vault, ports: Ports): Promise<Lack[]> {
  const { id, projectId } = vault;
  const lacks: Lack[] = [];
  if ((await ruleInForce(projectId, id, ports)) === null) lacks.push('enabled-policy');
  if ((await ports.catalog.vaults.bindings(id)).length === 0) lacks.push('resources');
  return lacks;
}

const remember = (
  { projectId, id }: Vault,
  change: (vault: Vault) => Vault,
  ports: Ports,
): Promise<Vault> => changeVault(projectId, id, async (vault) => change(vault), ports);
