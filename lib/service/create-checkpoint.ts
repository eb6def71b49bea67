import { HoldfastError, isError, isRetryable } from '../errors.ts';
import type { Backup, Checkpoint, SinceFull } from '../model/backup.ts';
import type { CheckpointDetails } from '../model/details.ts';
import { DISK_TYPE, type Disk, mayBeProtected } from '../model/disk.ts';
import {
  type BackupId,
  type CheckpointId,
  type DiskId,
  derivedUuid,
  type OperationLogId,
  type VaultId,
} from '../model/ids.ts';
import type { OperationLog } from '../model/operation-log.ts';
import type { Policy } from '../model/policy.ts';
import { taskIdOf } from '../model/policy-run.ts';
import { expiryOf } from '../model/retention.ts';
import type { Binding, Vault } from '../model/vault.ts';
import type { ApiPorts } from './api-ports.ts';
import { refuseDuplicates, refuseOtherTypes } from './bind-disks.ts';
import type { Caller } from './caller.ts';
import { checkVaultStatus } from './check-vault-status.ts';
import { makeRoom } from './make-room.ts';
import { mapLimited } from './map-limited.ts';
import { orNull } from './or-null.ts';
import { refuseReconciling } from './refuse-reconciling.ts';
import { showCheckpoint } from './show-checkpoint.ts';
import { startJob } from './start-job.ts';
import { taskOfBackup } from './task-of-backup.ts';

export interface CreateCheckpointCommand {
  vaultId: VaultId;
  name?: string | undefined;
  description: string;
  incremental: boolean;
  autoTrigger: boolean;
  /** The policy that it is made for: its rule then fixes the expiry (spec section 4.3). */
  policy?: Pick<Policy, 'id' | 'retention'>;
  /**
   * The id of the restore point when it belongs to a time point of a policy. Then all ids derive
   * from it, and doing it again goes on with what is there: each backup is begun once.
   */
  checkpointId?: CheckpointId;
  /** Leaves out disks whose state nobody can tell, as long as there are others. */
  withoutUnreachable?: boolean;
  /** By disk: null = all blocks are read, whatever `incremental` says; else where it stands. */
  nextBackups?: ReadonlyMap<DiskId, SinceFull | null>;
  /** The disks to back up; absent = all of the vault. */
  resources?: { id: DiskId; type: string }[] | undefined;
}

type Ports = Pick<ApiPorts, 'catalog' | 'disks' | 'jobs' | 'clock' | 'ids' | 'probe'>;
type Skipped = Checkpoint['skipped'][number];

/**
 * Begins a backup of each disk of a vault (or of those named) and starts its job. Disks that cannot
 * be backed up now are skipped and named; the request fails when none is left: with 6125 when all
 * of them are being backed up already, else with 0001.
 */
export async function createCheckpoint(
  command: CreateCheckpointCommand,
  caller: Caller,
  ports: Ports,
): Promise<CheckpointDetails> {
  const vault = await ports.catalog.vaults.get(caller.projectId, command.vaultId);
  checkVaultStatus(vault, 'backUp');
  await refuseReconciling(vault.id, 'BackupService.6113', ports);
  await makeRoom(vault, ports);
  const wanted = wantedBindings(await ports.catalog.vaults.bindings(vault.id), command);

  const inspected = await mapLimited(wanted, (binding) => inspect(binding, command, ports));
  const disks = inspected.flatMap(({ disk }) => (disk ? [disk] : []));
  const skipped = inspected.flatMap(({ skip }) => (skip ? [skip] : []));
  if (disks.length === 0)
    throw inspected.find(({ outage }) => outage)?.outage ?? nothingLeft(vault, skipped);

  const planned = planBackups(disks, vault, command, caller, ports);
  const known = await knownCheckpoint(command, caller, ports);
  const checkpoint = known ?? newCheckpoint(planned, skipped, vault, command, caller);
  if (!known) await ports.catalog.backups.putCheckpoint(checkpoint);
  const named = new Set(checkpoint.backups.map(({ backupId }) => backupId));
  const outage = await beginAll(
    planned.filter(({ backup }) => named.has(backup.id)),
    vault,
    ports,
  );
  // A time point is run again after an outage, and goes on from here.
  if (outage !== undefined && command.checkpointId !== undefined) throw outage;
  return showCheckpoint({ checkpointId: checkpoint.id }, caller, ports);
}

/** What an earlier run of the same time point has made. */
async function knownCheckpoint(
  { checkpointId }: CreateCheckpointCommand,
  { projectId }: Caller,
  { catalog }: Ports,
): Promise<Checkpoint | null> {
  if (checkpointId === undefined) return null;
  return orNull(catalog.backups.checkpoint(projectId, checkpointId), 'BackupService.6217');
}

function wantedBindings(bindings: Binding[], command: CreateCheckpointCommand): Binding[] {
  const { resources, vaultId } = command;
  if (!resources) return bindings;
  refuseDuplicates(resources.map((resource) => resource.id));
  refuseOtherTypes(resources);
  return resources.map(({ id }) => {
    const binding = bindings.find((candidate) => candidate.diskId === id);
    if (!binding) throw new HoldfastError('BackupService.6135', { id, vaultId });
    return binding;
  });
}

/** Whether a disk can be backed up now. */
async function inspect(
  binding: Binding,
  { checkpointId, withoutUnreachable }: CreateCheckpointCommand,
  ports: Ports,
): Promise<{ disk?: Disk; skip?: Skipped; outage?: HoldfastError }> {
  const { diskId: id, vaultId, name } = binding;
  const skip = (error: HoldfastError): { skip: Skipped } => ({
    skip: { id, type: DISK_TYPE, name, code: error.code, reason: error.message },
  });
  if (binding.suspended) {
    const reason = 'its protection is suspended';
    return skip(new HoldfastError('BackupService.6215', { id, reason }));
  }
  const ownTaskId = checkpointId && taskIdOf(checkpointId, id);
  if (binding.protectingTaskId !== undefined && binding.protectingTaskId !== ownTaskId) {
    return skip(new HoldfastError('BackupService.6125', { id: vaultId }));
  }
  try {
    const disk = await ports.disks.describe(id);
    const { status } = disk;
    if (mayBeProtected(status)) return { disk };
    return skip(new HoldfastError('BackupService.7003', { id, status }));
  } catch (error) {
    if (isError(error, 'disk.missing'))
      return skip(new HoldfastError('BackupService.7000', { id }));
    if (!withoutUnreachable || !isError(error, 'disk.unavailable')) throw error;
    const unreachable = new HoldfastError('BackupService.7003', { id, status: 'unreachable' });
    return { ...skip(unreachable), outage: error };
  }
}

function nothingLeft(vault: Vault, skipped: readonly Skipped[]): HoldfastError {
  const allBusy = skipped.length > 0 && skipped.every(({ code }) => code === 'BackupService.6125');
  return allBusy
    ? new HoldfastError('BackupService.6125', { id: vault.id })
    : new HoldfastError('BackupService.0001', {});
}

interface PlannedBackup {
  backup: Backup;
  task: OperationLog;
}

function planBackups(
  disks: readonly Disk[],
  vault: Vault,
  command: CreateCheckpointCommand,
  caller: Caller,
  ports: Pick<ApiPorts, 'ids' | 'clock'>,
): PlannedBackup[] {
  const { projectId, requestId } = caller;
  const checkpointId = command.checkpointId ?? ports.ids.uuid();
  const nowMs = ports.clock.nowMs();
  const names = backupNames(disks.length, vault, command, ports);
  return disks.map((disk, at) => {
    const { backupId, taskId } = idsOf(disk.id, command, ports);
    const sinceFull = command.nextBackups?.get(disk.id);
    const backup: Backup = {
      id: backupId,
      projectId,
      vaultId: vault.id,
      checkpointId,
      operationLogId: taskId,
      name: names[at] as string,
      description: command.description,
      disk: {
        id: disk.id,
        name: disk.name,
        sizeBytes: disk.sizeBytes,
        availabilityZone: disk.availabilityZone,
      },
      status: 'waiting_protect',
      root: 'NONE',
      incremental: command.incremental && sinceFull !== null,
      ...(sinceFull && { sinceFull }),
      autoTrigger: command.autoTrigger,
      ...retentionOf(command, nowMs),
      createdAtMs: nowMs,
      updatedAtMs: nowMs,
    };
    return { backup, task: backupTask(backup, vault, requestId) };
  });
}

const idsOf = (
  diskId: DiskId,
  { checkpointId }: CreateCheckpointCommand,
  { ids }: Pick<ApiPorts, 'ids'>,
): { backupId: BackupId; taskId: OperationLogId } =>
  checkpointId === undefined
    ? { backupId: ids.uuid(), taskId: ids.uuid() }
    : {
        backupId: derivedUuid('policy-backup', checkpointId, diskId),
        taskId: taskIdOf(checkpointId, diskId),
      };

/** What is known from the start of how long a backup is kept. */
function retentionOf(
  { policy }: CreateCheckpointCommand,
  createdAtMs: number,
): Pick<Backup, 'policyId' | 'retention' | 'expiresAtMs'> {
  if (!policy) return {};
  const { id: policyId, retention } = policy;
  const expiresAtMs = expiryOf(retention, createdAtMs);
  return { policyId, retention, ...(expiresAtMs !== undefined && { expiresAtMs }) };
}

/** One name each: the caller's or a made-up one, numbered when there are several disks. */
function backupNames(
  count: number,
  vault: Vault,
  command: CreateCheckpointCommand,
  { ids }: Pick<ApiPorts, 'ids'>,
): string[] {
  const prefix = command.autoTrigger ? (vault.backupNamePrefix ?? 'autobk') : 'manualbk';
  const base = command.name ?? `${prefix}_${Buffer.from(ids.bytes(2)).toString('hex')}`;
  if (count === 1) return [base];
  return Array.from({ length: count }, (_, at) => `${base}-${String(at + 1).padStart(4, '0')}`);
}

const backupTask = (backup: Backup, vault: Vault, requestId: string): OperationLog => ({
  ...taskOfBackup(backup, {
    id: backup.operationLogId,
    type: 'backup',
    status: 'waiting',
    requestId,
    vaultName: vault.name,
    atMs: backup.createdAtMs,
  }),
  ...(backup.policyId === undefined ? {} : { policyId: backup.policyId }),
});

function newCheckpoint(
  planned: readonly PlannedBackup[],
  skipped: Skipped[],
  vault: Vault,
  command: CreateCheckpointCommand,
  caller: Caller,
): Checkpoint {
  const first = planned[0] as PlannedBackup;
  return {
    id: first.backup.checkpointId,
    projectId: caller.projectId,
    vaultId: vault.id,
    vaultName: vault.name,
    name: command.name ?? first.backup.name,
    description: command.description,
    backups: planned.map(({ backup: { id: backupId, disk } }) => ({
      backupId,
      diskId: disk.id,
      diskName: disk.name,
      sizeBytes: disk.sizeBytes,
    })),
    skipped,
    createdAtMs: first.backup.createdAtMs,
  };
}

/**
 * Begins the backups and starts their jobs. One that cannot be begun (another request was quicker)
 * does not stop the others; the request fails only when none was begun. Returns the outage
 * that kept one from being begun, if any.
 */
async function beginAll(
  planned: readonly PlannedBackup[],
  vault: Vault,
  ports: Ports,
): Promise<unknown> {
  const begun: OperationLog[] = [];
  const failures: unknown[] = [];
  for (const { backup, task } of planned) {
    try {
      await ports.catalog.backups.begin(backup, task);
      begun.push(task);
    } catch (error) {
      failures.push(error);
      ports.probe.problem('backup.not-begun', error, { vaultId: vault.id, backupId: backup.id });
    }
  }
  if (begun.length === 0) throw failures[0];
  await mapLimited(begun, (task) => startJob('backup', task, ports));
  return failures.find(isRetryable);
}
