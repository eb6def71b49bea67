import { readManifest } from '../engine/read-manifest.ts';
import { restoreBlocks } from '../engine/restore-blocks.ts';
import { vaultKeys } from '../engine/vault-keys.ts';
import { isError } from '../errors.ts';
import type { DataPorts, RangeAnswer, RangeRequest } from './data-ports.ts';
import { ProgressReport } from './report-progress.ts';

/**
 * Writes a range of a backup into the content of a restore attempt, whose id is the session's.
 * Segments are written one after the other until the deadline is near.
 */
export const restoreDiskRange = async (
  request: RangeRequest,
  deadlineMs: number,
  ports: DataPorts,
): Promise<RangeAnswer> => {
  const { projectId, vaultId, backupId, sessionId, to } = request;
  const keys = vaultKeys(vaultId, { vaults: ports.catalog.vaults, keys: ports.keys });
  const reading = { ...ports, projectId, vaultId, vaultKeys: keys };
  const backup = await ports.catalog.backups.get(projectId, backupId);
  const manifest = await readManifest(backup, reading);
  const progress = new ProgressReport(request, ports);
  try {
    let from = request.from;
    while (from < to) {
      // A window is one round of fetching: a pack that spans its segments is fetched once.
      const next = Math.min(to, from + RESTORE_WINDOW_SEGMENTS);
      await restoreBlocks(manifest, { from, to: next }, sessionId, reading, (bytes) =>
        progress.add(bytes),
      );
      from = next;
      if (ports.clock.nowMs() >= deadlineMs - ports.settings.marginMs) break;
    }
    await progress.finish();
    return { next: from < to ? from : null };
  } catch (error) {
    if (isError(error, 'Holdfast.Cancelled')) return { cancelled: true };
    throw error;
  }
};

/** 8 GiB: small enough for any worker's deadline, large enough that few packs span two windows. */
const RESTORE_WINDOW_SEGMENTS = 8;
