import { findAffected } from '../engine/find-affected.ts';
import { vaultKeys } from '../engine/vault-keys.ts';
import { isPackWhole } from '../engine/verify-pack.ts';
import { HoldfastError, isError } from '../errors.ts';
import type { Failure } from '../model/backup.ts';
import type { DataPorts } from './data-ports.ts';
import { endWell, toFailure } from './end-job.ts';
import type { JobContext, JobEvent } from './job-context.ts';
import { closeSession, isTakenOver, sessionIdOf } from './job-session.ts';
import { openReading } from './open-reading.ts';
import type { VerifyFindings } from './verify-disk-range.ts';
import { workRanges } from './work-ranges.ts';

/**
 * Verifies a backup, whole or a sample. A damaged pack becomes QUARANTINED: no later backup relies
 * on it, the next backup of the disk stores its blocks again, and every backup that names it stops
 * being `available`. A backup that was found whole at 100 % is available again.
 */
export const runVerifyJob = async (event: JobEvent, context: JobContext, ports: DataPorts) => {
  const { projectId, operationLogId, attempt } = event;
  const sessionId = sessionIdOf(operationLogId, attempt);
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
  const { catalog, clock } = ports;
  const task = await catalog.tasks.get(projectId, operationLogId);
  if (isTakenOver(task, attempt, null)) return null;
  if (task.cancelRequested) throw new HoldfastError('Holdfast.Cancelled', {});
  const { vaultId, backupId, percent = 100 } = task;
  const { manifest } = await openReading(task, sessionId, ports);
  await catalog.tasks.start(projectId, operationLogId, {
    atMs: clock.nowMs(),
    totalBytes: manifest.disk.sizeBytes,
  });
  return { vaultId, backupId, segments: manifest.segments.length, percent };
};

/** Keeps a task's item well under DynamoDB's 400 KB; the failure's text has the full number. */
const NAMED_MAX = 1000;

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
    await quarantine(vaultId, packId, reason, ports);
  const affected = await markAffected(projectId, vaultId, new Set(damaged.keys()), ports);
  const atMs = clock.nowMs();
  if (damaged.size === 0 && percent >= 100) {
    await releaseWhole(projectId, vaultId, ports);
    await markWhole(projectId, backupId, ports);
  }
  await closeSession(vaultId, sessionId, catalog.sessions);
  const checkedBlocks = findings.reduce((sum, { checkedBlocks: count }) => sum + count, 0);
  const outcome = {
    checkedBlocks,
    damagedPacks: [...damaged.keys()].slice(0, NAMED_MAX),
    affectedBackups: affected.slice(0, NAMED_MAX),
  };
  const [first] = damaged.values();
  const end =
    first === undefined
      ? { status: 'success' as const }
      : { status: 'failed' as const, failure: damageFailure(backupId, damaged.size, first.reason) };
  await catalog.tasks.end(projectId, operationLogId, { ...end, atMs, outcome });
};

/**
 * A pack that the collector has under way, or that has no item, cannot be quarantined; its damage
 * is reported all the same.
 */
const quarantine = async (
  vaultId: string,
  packId: string,
  reason: string,
  { catalog, probe }: DataPorts,
): Promise<void> => {
  try {
    await catalog.packs.quarantine(vaultId, packId, reason);
  } catch (error) {
    if (!isError(error, 'catalog.conflict')) throw error;
    probe.problem('pack.not-quarantined', error, { packId });
  }
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
  const { catalog } = ports;
  const vaultKeysOf = vaultKeys(vaultId, { vaults: catalog.vaults, keys: ports.keys });
  const reading = { ...ports, projectId, vaultId, vaultKeys: vaultKeysOf };
  const ids: string[] = [];
  for (const backup of await findAffected(catalog.backups.roots(vaultId), packIds, reading)) {
    ids.push(backup.id);
    const reason = `it needs damaged packs: ${[...packIds].slice(0, 3).join(', ')}`;
    const failure = toFailure(new HoldfastError('backup.damaged', { backupId: backup.id, reason }));
    await markDamaged(backup.projectId, backup.id, failure, ports);
  }
  return ids;
};

/**
 * Takes `available` away from a backup; one that is deleted, before or meanwhile, is left alone.
 */
const markDamaged = async (
  projectId: string,
  backupId: string,
  failure: Failure,
  { catalog, clock }: DataPorts,
): Promise<void> => {
  const isVisible = async () => (await catalog.backups.get(projectId, backupId)).root === 'VISIBLE';
  if (!(await isVisible())) return;
  try {
    const change = { atMs: clock.nowMs(), failure };
    await catalog.backups.setStatus(projectId, backupId, 'error', change);
  } catch (error) {
    if (!isError(error, 'catalog.conflict') || (await isVisible())) throw error;
  }
};

/** Packs that are looked at again in one verification. */
const RELEASE_MAX = 100;

/**
 * Looks again at packs that were found damaged: one that is whole by now, because its object was
 * brought back, may be relied upon again.
 */
const releaseWhole = async (
  projectId: string,
  vaultId: string,
  ports: DataPorts,
): Promise<void> => {
  const { packs, vaults } = ports.catalog;
  const reading = {
    ...ports,
    projectId,
    vaultId,
    vaultKeys: vaultKeys(vaultId, { vaults, keys: ports.keys }),
  };
  for (const packId of (await packs.quarantined(vaultId)).slice(0, RELEASE_MAX)) {
    if (await isPackWhole(packId, reading)) await packs.release(vaultId, packId);
  }
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

/** The verification itself failed; when the backup's own map is damaged, the backup says so too. */
const undoVerify = async (
  { projectId, operationLogId, attempt }: JobEvent,
  sessionId: string,
  failure: Failure,
  damaged: boolean,
  ports: DataPorts,
): Promise<void> => {
  const { catalog, clock } = ports;
  const task = await catalog.tasks.get(projectId, operationLogId);
  const session = await closeSession(task.vaultId, sessionId, catalog.sessions);
  if (isTakenOver(task, attempt, session)) return;
  if (damaged) await markDamaged(projectId, task.backupId, failure, ports);
  const end = { status: 'failed', atMs: clock.nowMs(), failure } as const;
  await catalog.tasks.end(projectId, operationLogId, end);
};
