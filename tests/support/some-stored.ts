import { createCipheriv, createHash } from 'node:crypto';
import { isError } from '../../lib/errors.ts';
import { hashBlock } from '../../lib/format/block.ts';
import { deriveBlockKey } from '../../lib/format/keys.ts';
import type { Manifest } from '../../lib/format/manifest.ts';
import { encodePack, type SealedBlock, sealBlock } from '../../lib/format/pack.ts';
import type { SegmentEntry } from '../../lib/format/segment.ts';
import { BLOCK_BYTES, segmentCount } from '../../lib/model/block.ts';
import { NO_STATS, type SegmentReference } from '../../lib/model/session.ts';

/** Stored structures of fixed content: the same on every machine and in every run. */
export const SOME = {
  vaultKey: someBytes('vault key', 32),
  otherVaultKey: someBytes('another vault key', 32),
  packId: '000102030405060708090a0b0c0d0e0f',
  otherPackId: 'f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff',
  keyId: '11111111-1111-4111-8111-111111111111',
  vaultId: '22222222-2222-4222-8222-222222222222',
  sessionId: '33333333-3333-4333-8333-333333333333',
  backupId: '44444444-4444-4444-8444-444444444444',
  checkpointId: '55555555-5555-4555-8555-555555555555',
  otherId: '66666666-6666-4666-8666-666666666666',
  salt: someBytes('salt', 16),
} as const;

/** Bytes that look random and are a function of their seed. */
export function someBytes(seed: string, count: number): Uint8Array {
  const parts: Buffer[] = [];
  for (let n = 0; n * 32 < count; n++) {
    parts.push(createHash('sha256').update(`${seed} ${n}`).digest());
  }
  return new Uint8Array(Buffer.concat(parts).subarray(0, count));
}

/** A block that zstd cannot shrink. */
export const randomBlock = (seed: string): Uint8Array => randomBytesOf(seed, BLOCK_BYTES);

/** Bytes that zstd cannot shrink, quickly made, and a function of their seed. */
export function randomBytesOf(seed: string, count: number): Uint8Array {
  const cipher = createCipheriv('aes-256-ctr', someBytes(seed, 32), Buffer.alloc(16));
  return new Uint8Array(cipher.update(Buffer.alloc(count)));
}

/** A block that zstd shrinks to some ten bytes. */
export const textBlock = (text: string): Uint8Array =>
  new Uint8Array(Buffer.alloc(BLOCK_BYTES, text));

export interface SomePack {
  bytes: Uint8Array;
  slots: (SealedBlock | null)[];
}

/** A pack of the blocks, in order; `null` makes a dead slot. */
export function somePack(
  blocks: (Uint8Array | null)[],
  tableSalt: Uint8Array = SOME.salt,
): SomePack {
  const { vaultKey, packId, keyId } = SOME;
  const blockKey = deriveBlockKey(vaultKey, packId);
  const sealed = blocks.map((block, slot) => {
    if (!block) return null;
    const blockId = hashBlock(block);
    return { blockId, ...sealBlock({ blockKey, packId, slot, blockId, block, level: 1 }) };
  });
  const slots = sealed.map(
    (one) => one && { codec: one.codec, blockId: one.blockId, storedBytes: one.bytes.length },
  );
  const parts = sealed.flatMap((one) => (one ? [one.bytes] : []));
  return {
    slots,
    bytes: encodePack({ packId, keyId, vaultKey, tableSalt, slots, blocks: parts }),
  };
}

/** Entries of two packs, zeros between them. */
export const someEntries = (): SegmentEntry[] => [
  { packId: SOME.otherPackId, slot: 255, blockId: someBytes('block 0', 32) },
  null,
  { packId: SOME.packId, slot: 0, blockId: someBytes('block 2', 32) },
  { packId: SOME.otherPackId, slot: 7, blockId: someBytes('block 3', 32) },
];

export const someReference = (seed: string): NonNullable<SegmentReference> => ({
  sessionId: SOME.sessionId,
  random: Buffer.from(someBytes(`${seed} random`, 16)).toString('hex'),
  sha256: Buffer.from(someBytes(`${seed} sha256`, 32)).toString('hex'),
});

/** The manifest of a disk of `sizeBytes`, by default of three segments, one of them zeros. */
export function someManifest(
  sizeBytes = 3 * 2 ** 30 - 512,
  changes: Partial<Manifest> = {},
): Manifest {
  const segments = Array.from({ length: segmentCount(sizeBytes) }, (_, n) =>
    n === 1 ? null : someReference(`segment ${n}`),
  );
  return {
    vaultId: SOME.vaultId,
    projectId: 'project-1',
    backupId: SOME.backupId,
    sessionId: SOME.sessionId,
    checkpointId: SOME.checkpointId,
    name: 'nightly “é”',
    createdAtMs: 1_790_000_000_000,
    disk: { id: 'vol-1', name: 'root', sizeBytes },
    snapshotId: 'snap-1',
    parent: { backupId: SOME.otherId, sessionId: SOME.otherId },
    consistency: 'crash_consistent',
    stats: { ...NO_STATS, readBytes: 1024, storedBytes: 77 },
    keyId: SOME.keyId,
    segments,
    ...changes,
  };
}

/** True when a reader refuses with an error that a stored object may cause; others are thrown. */
export function refuses(read: () => unknown): boolean {
  try {
    read();
    return false;
  } catch (error) {
    if (isError(error, 'format.malformed', 'format.unsupported', 'pack.damaged')) return true;
    throw error;
  }
}

/** The bits of `bytes` that can be flipped without the reader refusing. */
export function unnoticedFlips(bytes: Uint8Array, read: (bytes: Uint8Array) => unknown): number[] {
  const unnoticed: number[] = [];
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const flipped = Uint8Array.from(bytes);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    if (!refuses(() => read(flipped))) unnoticed.push(bit);
  }
  return unnoticed;
}

/** The lengths that `bytes` can be cut to without the reader refusing. */
export function unnoticedCuts(bytes: Uint8Array, read: (bytes: Uint8Array) => unknown): number[] {
  const lengths = Array.from(bytes.keys());
  return lengths.filter((length) => !refuses(() => read(bytes.slice(0, length))));
}
