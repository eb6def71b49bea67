import type { Manifest } from '../format/manifest.ts';
import { BLOCK_BYTES } from '../model/block.ts';
import type { Disks } from '../ports/disks.ts';
import { locateBlocks, type PackBlocks } from './locate-blocks.ts';
import { diskBytes, type OpenedBlocks, type PackReading, readPackBlocks } from './read-packs.ts';
import { runLanes } from './run-lanes.ts';

/** Packs under way at the same time; each holds 36 MiB of ciphertext and 16 MiB of blocks. */
const PACK_LANES = 4;

/**
 * Writes a range of whole segments of a backup into the content of a restore attempt. Zeros are not
 * written: a content starts as zeros. Every block's SHA-256 is verified before it is written;
 * damage is `pack.damaged` or `backup.damaged`. Idempotent.
 */
export const restoreBlocks = async (
  manifest: Manifest,
  range: { from: number; to: number },
  attemptId: string,
  ports: PackReading & { disks: Pick<Disks, 'writeBlocks'> },
  onProgress: (bytes: number) => void,
): Promise<void> => {
  const { packs, zeroBytes } = await locateBlocks(manifest, range, ports);
  onProgress(zeroBytes);
  await runLanes(packs.entries(), PACK_LANES, async ([packId, pack]) => {
    for await (const opened of readPackBlocks(packId, pack.wanted, ports)) {
      await writeOpened(opened, pack, attemptId, ports.disks);
      onProgress(diskBytes(opened.slots.flatMap((slot) => pack.numbers.get(slot) ?? [])));
    }
  });
};

/** Neighbours in the pack that are neighbours on the disk are written at once. */
const writeOpened = async (
  { slots, blocks }: OpenedBlocks,
  pack: PackBlocks,
  attemptId: string,
  disks: Pick<Disks, 'writeBlocks'>,
): Promise<void> => {
  const runs: { number: number; from: number; to: number }[] = [];
  for (const [n, slot] of slots.entries()) {
    for (const number of pack.numbers.get(slot) ?? []) {
      const last = runs.at(-1);
      if (last !== undefined && last.to === n && last.number + last.to - last.from === number)
        last.to = n + 1;
      else runs.push({ number, from: n, to: n + 1 });
    }
  }
  await Promise.all(
    runs.map((run) =>
      disks.writeBlocks(
        attemptId,
        run.number,
        blocks.subarray(run.from * BLOCK_BYTES, run.to * BLOCK_BYTES),
      ),
    ),
  );
};
