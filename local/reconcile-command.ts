import { setTimeout as sleep } from 'node:timers/promises';
import { LOCAL_ZONE } from '../lib/adapters/local/local-disks-volumes.ts';
import type { ReconciliationPlan } from '../lib/engine/plan-reconciliation.ts';
import {
  beginReconciliation,
  findVaults,
  finishReconciliation,
  planVaultReconciliation,
  type ReconcilePorts,
  type ReconciliationReport,
  type VaultToReconcile,
} from '../lib/service/reconcile-vault.ts';
import { openLocalStores } from './local-stores.ts';
import { openStackStores } from './stack-stores.ts';

/** What the commands take from the command line. */
export interface ReconcileOptions {
  /** Every vault that S3 or the catalog knows. */
  all?: boolean;
  'dry-run'?: boolean;
  /** Of a deployed stack; absent = local mode. */
  stage?: string;
  region?: string;
  bucket?: string;
}

/** Lambda ends a worker of the collector after 15 minutes, with what it has under way. */
const LAST_WORKERS_MS = 16 * 60_000;

/** Reconciles a vault, or all, of the running local mode or of a deployed stack. */
export const reconcileNow = async (
  home: string,
  vaultId: string | undefined,
  options: ReconcileOptions,
): Promise<object> => {
  if ((vaultId === undefined) !== (options.all ?? false))
    throw new Error('Name a vault, or give --all.');
  if (options.stage !== undefined) return reconcileStack(vaultId, options);
  const { ports, close } = await openLocalStores(home);
  try {
    return await reconcileVaults({ ...ports, availabilityZone: LOCAL_ZONE }, vaultId, options, 0);
  } finally {
    close();
  }
};

/**
 * A deployed stack, with the AWS credentials of whoever runs the command. What the collector of the
 * lost catalog has under way may replace packs until Lambda ends it: that is waited for.
 */
export const reconcileStack = async (
  vaultId: string | undefined,
  options: ReconcileOptions,
): Promise<{ failed: number; [fact: string]: unknown }> => {
  const { ports, close } = openStackStores(options);
  try {
    return await reconcileVaults(ports, vaultId, options, LAST_WORKERS_MS);
  } finally {
    close();
  }
};

/**
 * Puts all the vaults into RECONCILING, waits, and then makes each agree with its objects. A vault
 * that cannot be reconciled does not keep the others; `failed` says how many there were.
 */
export const reconcileVaults = async (
  ports: ReconcilePorts,
  vaultId: string | undefined,
  options: ReconcileOptions,
  waitMs: number,
): Promise<{ failed: number; [fact: string]: unknown }> => {
  const all = await findVaults(ports);
  const vaults = all.filter((vault) => vaultId === undefined || vault.vaultId === vaultId);
  if (vaults.length === 0 && vaultId !== undefined)
    throw new Error(`There is no vault ${vaultId}.`);
  const failures: Record<string, string> = {};
  const orFailed = async <T>(vault: VaultToReconcile, run: () => Promise<T>): Promise<T[]> => {
    try {
      return [await run()];
    } catch (error) {
      failures[`vault ${vault.vaultId}`] = `failed: ${(error as Error).message}`;
      return [];
    }
  };
  const shown: Record<string, string> = {};
  if (options['dry-run'])
    for (const vault of vaults) {
      const reports = await orFailed(vault, () => planVaultReconciliation(vault, ports));
      for (const report of reports) Object.assign(shown, shownReport(vault, report));
    }
  else {
    const begun = [];
    for (const vault of vaults)
      begun.push(...(await orFailed(vault, () => beginReconciliation(vault, ports))));
    if (begun.length > 0) await sleep(waitMs);
    for (const { run, isNew } of begun) {
      const plans = await orFailed(run, () => finishReconciliation(run, ports));
      for (const plan of plans) Object.assign(shown, shownReport(run, { isNew, plan }));
    }
  }
  return {
    ...shown,
    ...failures,
    vaults: vaults.length,
    failed: Object.keys(failures).length,
    notInS3: NOT_IN_S3,
  };
};

const NOT_IN_S3 =
  'which disks a vault protects, policies, tags, settings, credentials, tasks: of a vault that is ' +
  'new in the catalog they have to be set again';

/** A line for each vault and for each of its backups that is not as it was. */
const shownReport = (
  { vaultId }: VaultToReconcile,
  { isNew, plan }: ReconciliationReport,
): Record<string, string> => ({
  [`vault ${vaultId}`]: `${isNew ? 'new in the catalog, with default settings; ' : ''}${counts(plan)}`,
  ...Object.fromEntries([
    ...plan.bringBack.map(({ backup: { id, name, status, failure } }) => [
      `backup ${id}`,
      `${name}: comes back, ${status}${failure === undefined ? '' : ` (${failure.message})`}`,
    ]),
    ...plan.giveUp.map(({ id, name }) => [`backup ${id}`, `${name}: error, its manifest is gone`]),
    ...plan.damaged.map(({ backup: { id, name }, failure }) => [
      `backup ${id}`,
      `${name}: error (${failure.message})`,
    ]),
    ...plan.hideAnew.map(({ id, name }) => [`backup ${id}`, `${name}: stays deleted, from now`]),
  ]),
});

const counts = ({ packs, dropped, sessions, usedBytes }: ReconciliationPlan): string =>
  `${packs.length} packs put, ${dropped.length} dropped, ${sessions.length} sessions put, ` +
  `${usedBytes} bytes used`;
