import type { AppliedPolicy } from '../model/applied-policy.ts';
import type { Checkpoint, Failure } from '../model/backup.ts';
import { type DiskId, derivedUuid, type OperationLogId } from '../model/ids.ts';
import type { OperationLog } from '../model/operation-log.ts';
import { checkpointIdOf, taskIdOf } from '../model/policy-run.ts';
import type { Vault } from '../model/vault.ts';
import type { Notifier } from '../ports/notifier.ts';
import type { ApiPorts } from './api-ports.ts';
import { mapLimited } from './map-limited.ts';
import { tellFailure } from './notify-backup-end.ts';
import { orNull } from './or-null.ts';
import { noticeOf, sendNotice } from './send-notice.ts';

type Ports = Pick<ApiPorts, 'catalog' | 'clock' | 'probe'> & { notifier: Notifier };

interface TimePoint {
  applied: AppliedPolicy;
  pointMs: number;
}

/** How a time point ended that is not run. */
interface Miss {
  status: 'skipped' | 'failed';
  failure: Failure;
}

/**
 * Logs a time point of a policy that is not run: a task for each disk of the vault that it has not
 * begun to back up says why, but for suspended ones. The vault's owner is told when it failed.
 * Logging it again changes nothing.
 */
export async function logMissedRun(point: TimePoint, miss: Miss, ports: Ports): Promise<void> {
  const { catalog } = ports;
  const { projectId, vaultId } = point.applied;
  const vault = await catalog.vaults.get(projectId, vaultId);
  const bindings = await catalog.vaults.bindings(vaultId);
  const missed = await mapLimited(bindings, async ({ suspended, diskId: id, name }) => {
    if (suspended || (await findTask(point, begunTaskId(point, id), ports))) return false;
    await catalog.tasks.create(taskOf(point, miss, { id, name }, vault));
    return true;
  });
  if (missed.includes(true)) await tellMissedRun(point, miss, vault, ports);
}

/**
 * How a time point ended that was not run, when whoever logged that died before it was settled: it
 * is not run later. Null when there is no such log, or a backup was begun.
 */
export async function findMiss(point: TimePoint, ports: Ports): Promise<Miss | null> {
  const bindings = await ports.catalog.vaults.bindings(point.applied.vaultId);
  const find = (taskId: typeof begunTaskId) =>
    mapLimited(bindings, ({ diskId }) => findTask(point, taskId(point, diskId), ports));
  if ((await find(begunTaskId)).some((task) => task !== null)) return null;
  for (const task of await find(missedTaskId)) {
    const { status, failure } = task ?? {};
    if (failure && (status === 'skipped' || status === 'failed')) return { status, failure };
  }
  return null;
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

const begunTaskId = ({ applied, pointMs }: TimePoint, diskId: DiskId): OperationLogId =>
  taskIdOf(checkpointIdOf(applied, pointMs), diskId);

const missedTaskId = ({ applied, pointMs }: TimePoint, diskId: DiskId): OperationLogId =>
  derivedUuid('missed-run', checkpointIdOf(applied, pointMs), diskId);

/** What a run of the time point has left that died half-way. */
const findTask = (
  { applied }: TimePoint,
  id: OperationLogId,
  { catalog }: Ports,
): Promise<OperationLog | null> =>
  orNull(catalog.tasks.get(applied.projectId, id), 'BackupService.6500');

/** Each day the sweep tells that a vault is frozen, and once that it has no disks. */
async function tellMissedRun(
  { applied, pointMs }: TimePoint,
  { status, failure }: Miss,
  vault: Vault,
  ports: Ports,
): Promise<void> {
  if (status !== 'failed' || !vault.smnNotify || vault.status === 'frozen') return;
  const { policyId } = applied;
  await sendNotice(
    {
      type: 'vault.not-backed-up',
      id: checkpointIdOf(applied, pointMs),
      ...noticeOf(vault, ports.clock.nowMs()),
      policyId,
      pointMs,
      ...failure,
    },
    ports,
  );
}

/** All of it is derived from the time point. The backup that it names was never begun. */
const taskOf = (
  point: TimePoint,
  miss: Miss,
  disk: OperationLog['disk'],
  vault: Vault,
): OperationLog => {
  const { applied, pointMs } = point;
  const checkpointId = checkpointIdOf(applied, pointMs);
  return {
    ...miss,
    id: missedTaskId(point, disk.id),
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
