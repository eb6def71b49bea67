import { type HoldfastError, isError } from '../errors.ts';
import type { AppliedPolicy } from '../model/applied-policy.ts';
import type { Checkpoint, Failure } from '../model/backup.ts';
import { derivedUuid } from '../model/ids.ts';
import type { OperationLog } from '../model/operation-log.ts';
import { checkpointIdOf, taskIdOf } from '../model/policy-run.ts';
import type { Binding, Vault } from '../model/vault.ts';
import type { Notifier } from '../ports/notifier.ts';
import type { ApiPorts } from './api-ports.ts';
import { toFailure } from './end-job.ts';
import { mapLimited } from './map-limited.ts';
import { tellFailure } from './notify-backup-end.ts';
import { noticeOf, sendNotice } from './send-notice.ts';

type Ports = Pick<ApiPorts, 'catalog' | 'clock' | 'probe'> & { notifier: Notifier };

interface TimePoint {
  applied: AppliedPolicy;
  pointMs: number;
}

interface MissedRun extends TimePoint {
  status: 'skipped' | 'failed';
  error: HoldfastError;
}

/**
 * Logs a time point of a policy that is not run: a task for each disk of the vault that it has not
 * begun to back up says why, but for suspended ones. The vault's owner is told when it failed.
 * Logging it again changes nothing.
 */
export async function logMissedRun(run: MissedRun, ports: Ports): Promise<void> {
  const { catalog, probe } = ports;
  const { projectId, vaultId, policyId } = run.applied;
  probe.problem('policy.run-missed', run.error, { vaultId, policyId, pointMs: run.pointMs });
  const vault = await catalog.vaults.get(projectId, vaultId);
  const bindings = await catalog.vaults.bindings(vaultId);
  const { status, error } = run;
  const end = { status, failure: toFailure(error) };
  const missed = await mapLimited(bindings, async (binding) => {
    if (binding.suspended || (await hasBegun(run, binding, ports))) return false;
    const { diskId: id, name } = binding;
    await catalog.tasks.create(taskOf(run, end, { id, name }, vault));
    return true;
  });
  if (missed.includes(true)) await tellMissedRun(run, vault, ports);
}

/**
 * Logs the disks that a time point left out, but for suspended ones: a task for each says why. The
 * vault's owner is told of those that cannot be backed up. Logging it again changes nothing.
 */
export async function logLeftOut(
  point: TimePoint,
  skipped: Checkpoint['skipped'],
  ports: Ports,
): Promise<void> {
  const { projectId, vaultId } = point.applied;
  const leftOut = skipped.filter(({ code }) => code !== 'BackupService.6215');
  if (leftOut.length === 0) return;
  const vault = await ports.catalog.vaults.get(projectId, vaultId);
  await mapLimited(leftOut, async ({ id, name, code, reason: message }) => {
    const status = code === 'BackupService.6125' ? 'skipped' : 'failed';
    const task = taskOf(point, { status, failure: { code, message } }, { id, name }, vault);
    await ports.catalog.tasks.create(task);
    if (status === 'failed') await tellFailure(task, ports);
  });
}

/** The time point was begun before, and died half-way: what it began goes on. */
async function hasBegun(
  { applied, pointMs }: TimePoint,
  { projectId, diskId }: Binding,
  { catalog }: Ports,
): Promise<boolean> {
  try {
    await catalog.tasks.get(projectId, taskIdOf(checkpointIdOf(applied, pointMs), diskId));
    return true;
  } catch (error) {
    if (!isError(error, 'BackupService.6500')) throw error;
    return false;
  }
}

/** Each day the sweep tells that a vault is frozen, and once that it has no disks. */
async function tellMissedRun(run: MissedRun, vault: Vault, ports: Ports): Promise<void> {
  const { applied, pointMs, status, error } = run;
  if (status !== 'failed' || !vault.smnNotify || vault.status === 'frozen') return;
  const { policyId } = applied;
  await sendNotice(
    {
      type: 'vault.not-backed-up',
      id: checkpointIdOf(applied, pointMs),
      ...noticeOf(vault, ports.clock.nowMs()),
      policyId,
      pointMs,
      ...toFailure(error),
    },
    ports,
  );
}

/** All of it is derived from the time point. The backup that it names was never begun. */
const taskOf = (
  { applied, pointMs }: TimePoint,
  end: Pick<OperationLog, 'status'> & { failure: Failure },
  disk: OperationLog['disk'],
  vault: Vault,
): OperationLog => {
  const checkpointId = checkpointIdOf(applied, pointMs);
  return {
    ...end,
    id: derivedUuid('missed-run', checkpointId, disk.id),
    projectId: vault.projectId,
    type: 'backup',
    vaultId: vault.id,
    vaultName: vault.name,
    policyId: applied.policyId,
    backupId: derivedUuid('missed-backup', checkpointId, disk.id),
    backupName: '',
    disk,
    totalBytes: 0,
    cancelRequested: false,
    restarts: 0,
    requestId: checkpointId,
    createdAtMs: pointMs,
    updatedAtMs: pointMs,
    endedAtMs: pointMs,
  };
};
