import { isError } from '../errors.ts';
import type { Manifest } from '../format/manifest.ts';
import { locateBlocks } from './locate-blocks.ts';
import { diskBytes, type PackReading, readPackBlocks } from './read-packs.ts';
import { runLanes } from './run-lanes.ts';

/** A pack that cannot give back what it should, and why. */
export interface DamagedPack {
  packId: string;
  reason: string;
}

/**
 * Reads a range of whole segments of a backup and checks every block against its SHA-256, or a
 * sample of `percent` of them. Goes on past damage: all damaged packs of the range are named.
 * A damaged segment or manifest is `backup.damaged`.
 */
export const verifyBlocks = async (
  manifest: Manifest,
  range: { from: number; to: number },
  sample: { percent: number; seed: number },
  reading: PackReading,
  onProgress: (bytes: number) => void,
): Promise<{ checkedBlocks: number; damaged: DamagedPack[] }> => {
  const choose = (number: number) => isSampled(number, sample);
  const { packs } = await locateBlocks(manifest, range, reading, choose);
  const damaged: DamagedPack[] = [];
  let checkedBlocks = 0;
  await runLanes(packs.entries(), 2 * reading.pool.size, async ([packId, { wanted }]) => {
    try {
      for await (const { slots } of readPackBlocks(packId, wanted, reading, false)) {
        checkedBlocks += slots.length;
        onProgress(diskBytes(slots));
      }
    } catch (error) {
      if (!isError(error, 'pack.damaged')) throw error;
      damaged.push({ packId, reason: error.details.reason });
    }
  });
  return { checkedBlocks, damaged };
};

/**
 * Whether a block is in the sample: a spread of the block's number by a seed, the same on every
 * retry, another for every verification, so that over time every block has its turn.
 */
const isSampled = (
  number: number,
  { percent, seed }: { percent: number; seed: number },
): boolean => {
  if (percent >= 100) return true;
  let hash = Math.imul(number ^ seed, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 15), 0x85ebca6b);
  return ((hash ^ (hash >>> 13)) >>> 0) / 2 ** 32 < percent / 100;
};
