import { findAffected } from '../engine/find-affected.ts';
import { readManifest } from '../engine/read-manifest.ts';
import { vaultKeys } from '../engine/vault-keys.ts';
import { HoldfastError } from '../errors.ts';
import type { Failure } from '../model/backup.ts';
import { derivedUuid } from '../model/ids.ts';
import { hasEnded } from '../model/operation-log.ts';
import type { DataPorts } from './data-ports.ts';
import { endWell, toFailure } from './end-job.ts';
import type { JobContext, JobEvent } from './job-context.ts';
import type { VerifyFindings } from './verify-disk-range.ts';
import { workRanges } from './work-ranges.ts';

/**
 * Verifies a backup, whole or a sample. A damaged pack becomes QUARANTINED: no later backup relies
 * on it, the next backup of the disk stores its blocks again, and every backup that names it stops
 * being `available`. A backup that was found whole at 100 % is available again.
 */
export const runVerifyJob = async (event: JobEvent, context: JobContext, ports: DataPorts) => {
  const { projectId, operationLogId, attempt } = event;
  const sessionId = derivedUuid(operationLogId, 'session', String(attempt));
  const work = { kind: 'verify', worker: 'verify-blocks', event } as const;
  if (event.slice) {
    const { from, to, ...slice } = event.slice;
    const request = { projectId, operationLogId, ...slice };
    return workRanges<VerifyFindings>({ ...work, request, from, to }, context, ports.settings);
  }
  return endWell(
    context,
    async () => {
      const begun = await context.step('begin', () => beginVerify(event, sessionId, ports));
      if (begun === null) return;
      const { vaultId, backupId, segments, percent } = begun;
      const request = { projectId, operationLogId, vaultId, backupId, sessionId, percent };
      const plan = { ...work, request, from: 0, to: segments };
      const findings = await workRanges<VerifyFindings>(plan, context, ports.settings);
      await context.step('conclude', () => conclude(event, sessionId, percent, findings, ports));
    },
    (failure, code) => undoVerify(event, sessionId, failure, code === 'backup.damaged', ports),
  );
};

interface Begun {
  vaultId: string;
  backupId: string;
  segments: number;
  percent: number;
}

const beginVerify = async (
  { projectId, operationLogId, attempt }: JobEvent,
  sessionId: string,
  ports: DataPorts,
): Promise<Begun | null> => {
  const { catalog, clock, settings } = ports;
  const task = await catalog.tasks.get(projectId, operationLogId);
  if (hasEnded(task.status) || task.restarts > attempt) return null;
  if (task.cancelRequested) throw new HoldfastError('Holdfast.Cancelled', {});
  const { vaultId, backupId, percent = 100 } = task;
  const nowMs = clock.nowMs();
  await catalog.sessions.open({
    vaultId,
    id: sessionId,
    kind: 'read',
    backupId,
    operationLogId,
    quarantined: [],
    leaseUntilMs: nowMs + settings.leaseMs,
    createdAtMs: nowMs,
  });
  const backup = await catalog.backups.get(projectId, backupId);
  const keys = vaultKeys(vaultId, { vaults: catalog.vaults, keys: ports.keys });
  const manifest = await readManifest(backup, { ...ports, vaultKeys: keys });
  await catalog.tasks.start(projectId, operationLogId, {
    atMs: nowMs,
    totalBytes: manifest.disk.sizeBytes,
  });
  return { vaultId, backupId, segments: manifest.segments.length, percent };
};

const conclude = async (
  { projectId, operationLogId }: JobEvent,
  sessionId: string,
  percent: number,
  findings: VerifyFindings[],
  ports: DataPorts,
): Promise<void> => {
  const { catalog, clock } = ports;
  const { vaultId, backupId } = await catalog.tasks.get(projectId, operationLogId);
  const damaged = new Map(
    findings.flatMap(({ damaged: packs }) => packs).map((pack) => [pack.packId, pack]),
  );
  for (const { packId, reason } of damaged.values())
    await catalog.packs.quarantine(vaultId, packId, reason);
  const affected = await markAffected(projectId, vaultId, new Set(damaged.keys()), ports);
  const atMs = clock.nowMs();
  if (damaged.size === 0 && percent >= 100) await markWhole(projectId, backupId, ports);
  await endSession(vaultId, sessionId, ports);
  const checkedBlocks = findings.reduce((sum, { checkedBlocks: count }) => sum + count, 0);
  const outcome = { checkedBlocks, damagedPacks: [...damaged.keys()], affectedBackups: affected };
  const [first] = damaged.values();
  const end =
    first === undefined
      ? { status: 'success' as const }
      : { status: 'failed' as const, failure: damageFailure(backupId, damaged.size, first.reason) };
  await catalog.tasks.end(projectId, operationLogId, { ...end, atMs, outcome });
};

const damageFailure = (backupId: string, packs: number, reason: string): Failure =>
  toFailure(
    new HoldfastError('backup.damaged', {
      backupId,
      reason: `${packs} damaged pack(s), the first: ${reason}`,
    }),
  );

/** Takes `available` away from every backup that names a damaged pack. Returns their ids. */
const markAffected = async (
  projectId: string,
  vaultId: string,
  packIds: ReadonlySet<string>,
  ports: DataPorts,
): Promise<string[]> => {
  if (packIds.size === 0) return [];
  const { catalog, clock } = ports;
  const vaultKeysOf = vaultKeys(vaultId, { vaults: catalog.vaults, keys: ports.keys });
  const reading = { ...ports, projectId, vaultId, vaultKeys: vaultKeysOf };
  const ids: string[] = [];
  for (const backup of await findAffected(catalog.backups.roots(vaultId), packIds, reading)) {
    ids.push(backup.id);
    if (backup.root !== 'VISIBLE') continue;
    const reason = `it needs damaged packs: ${[...packIds].slice(0, 3).join(', ')}`;
    const failure = toFailure(new HoldfastError('backup.damaged', { backupId: backup.id, reason }));
    await catalog.backups.setStatus(backup.projectId, backup.id, 'error', {
      atMs: clock.nowMs(),
      failure,
    });
  }
  return ids;
};

/** Found whole: an earlier verdict is taken back. */
const markWhole = async (
  projectId: string,
  backupId: string,
  { catalog, clock }: DataPorts,
): Promise<void> => {
  const backup = await catalog.backups.get(projectId, backupId);
  if (backup.status !== 'error' || backup.root !== 'VISIBLE') return;
  await catalog.backups.setStatus(projectId, backupId, 'available', { atMs: clock.nowMs() });
};

const endSession = async (
  vaultId: string,
  sessionId: string,
  { catalog }: DataPorts,
): Promise<void> => {
  const open = (await catalog.sessions.listOpen(vaultId)).some(({ id }) => id === sessionId);
  if (open) await catalog.sessions.end(vaultId, sessionId, 'ABORTED');
};

/** The verification itself failed; when the backup's own map is damaged, the backup says so too. */
const undoVerify = async (
  { projectId, operationLogId }: JobEvent,
  sessionId: string,
  failure: Failure,
  damaged: boolean,
  ports: DataPorts,
): Promise<void> => {
  const { catalog, clock } = ports;
  const { vaultId, backupId } = await catalog.tasks.get(projectId, operationLogId);
  await endSession(vaultId, sessionId, ports);
  const backup = await catalog.backups.get(projectId, backupId);
  if (damaged && backup.root === 'VISIBLE') {
    await catalog.backups.setStatus(projectId, backupId, 'error', { atMs: clock.nowMs(), failure });
  }
  await catalog.tasks.end(projectId, operationLogId, {
    status: 'failed',
    atMs: clock.nowMs(),
    failure,
  });
};
