/** A block: 512 KiB of a disk, as the EBS direct APIs have it, so that nothing is hashed twice. */
export const BLOCK_BYTES = 512 * 1024;
/** Blocks in a segment: the map of 1 GiB of a disk. */
export const SEGMENT_BLOCKS = 2048;
/** Bytes of a disk that one segment maps. */
export const SEGMENT_BYTES = BLOCK_BYTES * SEGMENT_BLOCKS;
/** Largest disk: 64 TiB, 65,536 segments. */
export const DISK_BYTES_MAX = 64 * 2 ** 40;
/** Bytes of a block id, the SHA-256 of the block's 512 KiB plaintext. */
export const BLOCK_ID_BYTES = 32;

/** A run of blocks of a disk: `from` inclusive, `to` exclusive. */
export interface BlockRange {
  from: number;
  to: number;
}

/** Where a block is stored. Slots are for ever; offsets are the pack's own business. */
export interface BlockLocation {
  packId: string;
  slot: number;
}

/** Blocks of a disk of `sizeBytes`; the last one may be a tail, padded with zeros. */
export const blockCount = (sizeBytes: number): number => Math.ceil(sizeBytes / BLOCK_BYTES);

/** Segments of a disk of `sizeBytes`. */
export const segmentCount = (sizeBytes: number): number => Math.ceil(sizeBytes / SEGMENT_BYTES);

/** The blocks of segment `number` of a disk of `sizeBytes`. */
export const segmentBlocks = (number: number, sizeBytes: number): BlockRange => ({
  from: number * SEGMENT_BLOCKS,
  to: Math.min((number + 1) * SEGMENT_BLOCKS, blockCount(sizeBytes)),
});
