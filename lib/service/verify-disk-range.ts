import { checkDocuments } from '../engine/check-documents.ts';
import { readManifest } from '../engine/read-manifest.ts';
import { vaultKeys } from '../engine/vault-keys.ts';
import { type DamagedPack, verifyBlocks } from '../engine/verify-blocks.ts';
import { isError } from '../errors.ts';
import type { DataPorts, RangeAnswer, RangeRequest } from './data-ports.ts';
import { ProgressReport } from './report-progress.ts';

export interface VerifyFindings {
  checkedBlocks: number;
  /** At most `DAMAGED_MAX`; the rest is found by the next verification. */
  damaged: DamagedPack[];
}

/** Keeps an answer under a checkpoint's 256 KiB. */
const DAMAGED_MAX = 500;

/** Verifies a range of a backup, one segment after the other until the deadline is near. */
export const verifyDiskRange = async (
  request: RangeRequest & { percent: number },
  deadlineMs: number,
  ports: DataPorts,
): Promise<RangeAnswer<VerifyFindings>> => {
  const { projectId, vaultId, backupId, operationLogId, to, percent } = request;
  const keys = vaultKeys(vaultId, { vaults: ports.catalog.vaults, keys: ports.keys });
  const reading = { ...ports, projectId, vaultId, vaultKeys: keys };
  const backup = await ports.catalog.backups.get(projectId, backupId);
  const manifest = await readManifest(backup, reading);
  if (request.from === 0) await checkDocuments(manifest, { ...ports, vaultKeys: keys });
  const progress = new ProgressReport(request, ports);
  const sample = { percent, seed: Number.parseInt(operationLogId.slice(0, 8), 16) };
  const damaged = new Map<string, DamagedPack>();
  let checkedBlocks = 0;
  try {
    let from = request.from;
    while (from < to) {
      const range = { from, to: Math.min(to, from + VERIFY_WINDOW_SEGMENTS) };
      const found = await verifyBlocks(manifest, range, sample, reading, (bytes) =>
        progress.add(bytes),
      );
      checkedBlocks += found.checkedBlocks;
      for (const pack of found.damaged) damaged.set(pack.packId, pack);
      from = range.to;
      if (ports.clock.nowMs() >= deadlineMs - ports.settings.marginMs) break;
    }
    await progress.finish();
    const named = [...damaged.values()].slice(0, DAMAGED_MAX);
    return { next: from < to ? from : null, checkedBlocks, damaged: named };
  } catch (error) {
    if (isError(error, 'Holdfast.Cancelled')) return { cancelled: true };
    throw error;
  }
};

const VERIFY_WINDOW_SEGMENTS = 8;
