import { HoldfastError, isError } from '../errors.ts';
import type { AppliedPolicy } from '../model/applied-policy.ts';
import type { CheckpointId } from '../model/ids.ts';
import type { Policy } from '../model/policy.ts';
import {
  checkpointIdOf,
  type DuePoint,
  duePoint,
  nextBackups,
  taskIdOf,
} from '../model/policy-run.ts';
import type { Binding } from '../model/vault.ts';
import type { Notifier } from '../ports/notifier.ts';
import type { ApiPorts } from './api-ports.ts';
import { associateDisks } from './associate-disks.ts';
import { createCheckpoint } from './create-checkpoint.ts';
import { toFailure } from './end-job.ts';
import { findMiss, logLeftOut, logMissedRun } from './log-missed-run.ts';
import { mapLimited } from './map-limited.ts';
import { orNull } from './or-null.ts';

export type PolicyPorts = Pick<
  ApiPorts,
  'catalog' | 'disks' | 'jobs' | 'clock' | 'ids' | 'probe'
> & { notifier: Notifier };

/** Vaults by what became of their time points. */
export interface PolicyRuns {
  started: string[];
  skipped: string[];
  failed: string[];
}

/** Vaults whose time points are run at the same time. */
const VAULTS_AT_ONCE = 8;

/**
 * Longer than the function may take, so that a claim that ran out is one whose owner is gone. It is
 * only about time: two owners of one time point would make the very same restore point.
 */
export const CLAIM_MS = 6 * 60_000;

/** How long a disk that cannot be asked keeps the other ones of its vault from their time point. */
export const PATIENCE_MS = 30 * 60_000;

interface Due {
  applied: AppliedPolicy;
  policy: Policy;
  point: DuePoint;
}

/**
 * Runs what has come due since it last looked: for each vault with an enabled policy the latest
 * time point that has passed, once (spec section 4.2). May be called at any time, several times at
 * once. A vault that cannot be helped now is reported and does not keep the others waiting.
 */
export async function runPolicies(ports: PolicyPorts): Promise<PolicyRuns> {
  const runs: PolicyRuns = { started: [], skipped: [], failed: [] };
  const due = await findDue(ports);
  await mapLimited(
    due,
    async (one) => {
      const outcome = await reported(one.applied, ports, () => runPoint(one, ports));
      if (outcome) runs[outcome].push(one.applied.vaultId);
    },
    VAULTS_AT_ONCE,
  );
  return runs;
}

async function findDue(ports: PolicyPorts): Promise<Due[]> {
  const { catalog, clock } = ports;
  const policies = new Map<string, Policy | null>();
  const due: Due[] = [];
  for await (const applied of catalog.policies.applied()) {
    await reported(applied, ports, async () => {
      const { policyId } = applied;
      const known = policies.get(policyId);
      const policy = known === undefined ? await findPolicy(applied, ports) : known;
      policies.set(policyId, policy);
      if (!policy) return takeOff(applied, ports);
      const point = duePoint(policy, applied, clock.nowMs());
      if (point) due.push({ applied, policy, point });
    });
  }
  return due;
}

async function reported<T>(
  { vaultId, policyId }: AppliedPolicy,
  { probe }: PolicyPorts,
  run: () => Promise<T>,
): Promise<T | null> {
  try {
    return await run();
  } catch (error) {
    probe.problem('policy.not-run', error, { vaultId, policyId });
    return null;
  }
}

const findPolicy = (
  { projectId, policyId }: AppliedPolicy,
  { catalog }: PolicyPorts,
): Promise<Policy | null> =>
  orNull(catalog.policies.get(projectId, policyId), 'BackupService.6000');

/** Its policy or its vault is gone; whoever deleted it did not get this far. */
const takeOff = (
  { projectId, vaultId, policyId }: AppliedPolicy,
  { catalog }: PolicyPorts,
): Promise<void> => catalog.policies.unapply(projectId, vaultId, policyId);

/**
 * Runs a time point that nobody else has claimed. It is settled once it is known what becomes of
 * it; after an outage, or a crash, it is claimed and run again.
 */
async function runPoint(due: Due, ports: PolicyPorts): Promise<keyof PolicyRuns | null> {
  const { applied, policy, point } = due;
  const { catalog, clock, ids, probe } = ports;
  const { vaultId, policyId } = applied;
  const { pointMs, missed } = point;
  const nowMs = clock.nowMs();
  const claim = { id: ids.uuid(), pointMs, untilMs: nowMs + CLAIM_MS };
  if (!(await catalog.policies.claim(applied, claim, nowMs))) return null;
  if (missed > 0) probe.note('policy.points-missed', { vaultId, policyId, missed });
  const outcome = await backUp(applied, policy, pointMs, ports);
  await catalog.policies.settle(applied, pointMs);
  probe.note('policy.run', { vaultId, policyId, pointMs, outcome: outcome ?? 'vault gone' });
  return outcome;
}

/** Makes the restore point, or logs why there is none; null when there is no such vault. */
async function backUp(
  applied: AppliedPolicy,
  policy: Policy,
  pointMs: number,
  ports: PolicyPorts,
): Promise<keyof PolicyRuns | null> {
  const { projectId, vaultId, policyId } = applied;
  const checkpointId = checkpointIdOf(applied, pointMs);
  try {
    // Somebody has had this time point before.
    const miss = applied.claim && (await findMiss({ applied, pointMs }, ports));
    if (miss) {
      await logMissedRun({ applied, pointMs }, miss, ports);
      return miss.status;
    }
    await associateDisks(applied, pointMs, ports);
    const bindings = await ports.catalog.vaults.bindings(vaultId);
    if (await isBusy(bindings, checkpointId, ports)) {
      throw new HoldfastError('BackupService.6125', { id: vaultId });
    }
    const command = {
      vaultId,
      description: '',
      incremental: true,
      autoTrigger: true,
      policy,
      checkpointId,
      withoutUnreachable: ports.clock.nowMs() - pointMs > PATIENCE_MS,
      nextBackups: await backupsDue(applied, policy, ports),
    };
    const caller = { projectId, userId: 'policy', requestId: checkpointId };
    const { checkpoint } = await createCheckpoint(command, caller, ports);
    await logLeftOut({ applied, pointMs }, checkpoint.skipped, ports);
    return 'started';
  } catch (error) {
    if (!isError(error) || !isRefusal(error)) throw error;
    if (isError(error, 'BackupService.6105')) {
      await takeOff(applied, ports);
      return null;
    }
    const status = isError(error, 'BackupService.6125') ? 'skipped' : 'failed';
    ports.probe.problem('policy.run-missed', error, { vaultId, policyId, pointMs });
    await logMissedRun({ applied, pointMs }, { status, failure: toFailure(error) }, ports);
    return status;
  }
}

/**
 * A backup of the vault is still going that is not of this very time point (spec 4.2, 3 and 4). A
 * disk that moves into the vault, for hours at times, is left out, and does not keep the others.
 */
async function isBusy(
  bindings: readonly Binding[],
  checkpointId: CheckpointId,
  { catalog }: PolicyPorts,
): Promise<boolean> {
  for (const { projectId, protectingTaskId: id, diskId } of bindings) {
    if (id === undefined || id === taskIdOf(checkpointId, diskId)) continue;
    if ((await catalog.tasks.get(projectId, id)).type !== 'sync') return true;
  }
  return false;
}

async function backupsDue(
  { vaultId }: AppliedPolicy,
  { fullBackupInterval }: Policy,
  { catalog, clock }: PolicyPorts,
): Promise<ReturnType<typeof nextBackups>> {
  if (fullBackupInterval === undefined) return new Map();
  const backups = await Array.fromAsync(catalog.backups.ofVault(vaultId));
  return nextBackups(backups, fullBackupInterval, clock.nowMs());
}

/** The vault cannot be backed up as it is; anything else may be better in a minute. */
const isRefusal = ({ code }: HoldfastError): boolean => code.startsWith('BackupService.');
