import { fc, test } from '@fast-check/jest';
import { beforeAll, expect, it } from '@jest/globals';
import { checkDocuments } from '../../lib/engine/check-documents.ts';
import { readManifest } from '../../lib/engine/read-manifest.ts';
import { READ_LIMITS } from '../../lib/engine/read-packs.ts';
import { restoreBlocks } from '../../lib/engine/restore-blocks.ts';
import { vaultKeys } from '../../lib/engine/vault-keys.ts';
import { verifyBlocks } from '../../lib/engine/verify-blocks.ts';
import { isError } from '../../lib/errors.ts';
import type { Backup } from '../../lib/model/backup.ts';
import { BLOCK_BYTES, SEGMENT_BYTES } from '../../lib/model/block.ts';
import { runVerify, smallWorld, writeBlock } from '../support/data-scenario.ts';
import { backUp, bindDisk, type DataWorld, DISK, PROJECT } from '../support/data-world.ts';
import { randomBlock } from '../support/some-stored.ts';

const RUNS = Number(process.env['HOLDFAST_FLIPS'] ?? 300);

let world: DataWorld;
let backups: Backup[];
let contents: Map<number, Buffer>[];
/** Every object as it was written. */
let stored: Map<string, Uint8Array>;

/** Two backups of a disk of three segments, the one in the middle zeros; packs of four slots. */
beforeAll(async () => {
  world = await smallWorld();
  const sizeBytes = 2 * SEGMENT_BYTES + BLOCK_BYTES + 99;
  await world.disks.addDisk({ id: DISK, name: 'disk', sizeBytes });
  await bindDisk(world);
  for (const n of [0, 1, 2, 5, 4096]) await writeBlock(world, n, `first ${n}`);
  await world.disks.write(DISK, 3 * BLOCK_BYTES, randomBlock('raw'));
  const first = await backUp(world);
  const firstContent = await blocksOf();
  await writeBlock(world, 2, 'second');
  await writeBlock(world, 7, 'first 0');
  await writeBlock(world, 8, 'new');
  const second = await backUp(world);
  backups = [first, second];
  contents = [firstContent, await blocksOf()];
  stored = new Map(world.objects.objects);
});

/** The disk's blocks that are not zeros. */
const blocksOf = async (): Promise<Map<number, Buffer>> => {
  const blocks = new Map<number, Buffer>();
  for (const n of [0, 1, 2, 3, 4, 5, 6, 7, 8, 4096]) {
    const bytes = Buffer.from(await world.disks.read(DISK, n * BLOCK_BYTES, BLOCK_BYTES));
    if (bytes.some((byte) => byte !== 0)) blocks.set(n, bytes);
  }
  return blocks;
};

const readingOf = () => {
  const { vaultId, ports } = world;
  const keys = vaultKeys(vaultId, { vaults: ports.catalog.vaults, keys: ports.keys });
  return { ...ports, projectId: PROJECT, vaultId, vaultKeys: keys };
};

/** All that a verification at 100 % finds wrong with a backup. */
const verdictOf = async (backup: Backup): Promise<string> => {
  const reading = readingOf();
  return namesOf(async () => {
    const manifest = await readManifest(backup, reading);
    await checkDocuments(manifest, reading);
    const range = { from: 0, to: manifest.segments.length };
    const found = await verifyBlocks(manifest, range, { percent: 100, seed: 0 }, reading, () => {});
    return found.damaged.map(({ packId, reason }) => `${packId}: ${reason}`).join(', ');
  });
};

/** What is wrong with a restore of a backup; '' when every byte is as it was. */
const restoreOf = async (n: number, wholeShare: number): Promise<string> => {
  const reading = { ...readingOf(), limits: { ...READ_LIMITS, wholeShare } };
  const blocks = new Map<number, Buffer>();
  const writeBlocks = async (_: string, from: number, bytes: Uint8Array) => {
    for (let at = 0; at < bytes.length; at += BLOCK_BYTES)
      blocks.set(from + at / BLOCK_BYTES, Buffer.from(bytes.subarray(at, at + BLOCK_BYTES)));
  };
  return namesOf(async () => {
    const manifest = await readManifest(backups[n]!, reading);
    const range = { from: 0, to: manifest.segments.length };
    const ports = { ...reading, disks: { writeBlocks } };
    await restoreBlocks(manifest, range, 'attempt', ports, () => {});
    // Never wrong bytes: not one block more, less or other.
    expect([...blocks.keys()].toSorted((a, b) => a - b)).toEqual([...contents[n]!.keys()]);
    for (const [number, bytes] of contents[n]!)
      expect({ number, same: blocks.get(number)?.equals(bytes) }).toEqual({ number, same: true });
    return '';
  });
};

/** Damage is told by a code that says so; anything else is thrown. */
const namesOf = async (run: () => Promise<string>): Promise<string> => {
  try {
    return await run();
  } catch (error) {
    if (isError(error, 'backup.damaged', 'pack.damaged')) return error.message;
    throw error;
  }
};

/** What a report of damage must contain to name the object. */
const nameOf = (key: string): string => {
  const parts = key.split('/');
  const last = parts.at(-1) ?? '';
  if (key.includes('/segments/')) return last.split('-').at(-1) ?? '';
  if (last === 'manifest') return `manifest of session ${parts.at(-2)}`;
  return last;
};

/** Whether a backup cannot be whole without the object, as it was written. */
const isNeeded = async (key: string, { manifest }: Backup): Promise<boolean> => {
  if (key.endsWith('vault.json') || key.includes('/keys/')) return true;
  if (!key.includes('/packs/')) return key.includes(manifest?.sessionId ?? '?');
  // A backup needs all slots of the packs it wrote itself.
  const pack = await world.ports.catalog.packs.get(world.vaultId, nameOf(key));
  return pack?.sessionId === manifest?.sessionId;
};

const damages = {
  flip: (bytes: Uint8Array, at: number) => {
    const bit = Math.floor(at * bytes.length * 8);
    const flipped = Uint8Array.from(bytes);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    return flipped;
  },
  cut: (bytes: Uint8Array, at: number) => bytes.slice(0, Math.floor(at * bytes.length)),
  delete: () => null,
};

const someDamage = fc.record({
  object: fc.nat(),
  n: fc.nat({ max: 1 }),
  at: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  kind: fc.constantFrom('flip' as const, 'flip' as const, 'flip' as const, 'cut', 'delete'),
  wholeShare: fc.constantFrom(READ_LIMITS.wholeShare, 2),
});

test.prop([someDamage], { numRuns: RUNS })(
  'damage of any object is found and named by verify, and never restored as wrong bytes',
  async ({ object, n, at, kind, wholeShare }) => {
    const keys = [...stored.keys()];
    const key = keys[object % keys.length]!;
    const bytes = damages[kind as keyof typeof damages](stored.get(key)!, at);
    if (bytes === null) world.objects.objects.delete(key);
    else world.objects.objects.set(key, bytes);
    try {
      const backup = backups[n]!;
      const verdict = await verdictOf(backup);
      // The commit marker may be absent: it is written after the commit.
      const mayMiss = key.endsWith('/committed') && kind === 'delete';
      if (!mayMiss && (await isNeeded(key, backup))) expect(verdict).toContain(nameOf(key));
      if (verdict !== '') expect(verdict).toContain(nameOf(key));
      const restored = await restoreOf(n, wholeShare);
      if (restored !== '') expect(restored).toContain(nameOf(key));
    } finally {
      world.objects.objects.set(key, stored.get(key)!);
    }
  },
  60_000,
);

it('has objects of every kind, and finds nothing wrong with them', async () => {
  const kinds = [...stored.keys()].map(
    (key) => /vault.json|keys|packs|segments|manifest|committed/.exec(key)?.[0],
  );
  expect(new Set(kinds).size).toBe(6);
  expect(kinds.filter((kind) => kind === 'packs').length).toBeGreaterThan(2);
  for (const n of [0, 1]) {
    expect(await verdictOf(backups[n]!)).toBe('');
    expect(await restoreOf(n, 2)).toBe('');
  }
});

it.each(['vault.json', '/keys/', '/packs/', '/segments/', '/manifest', '/committed'])(
  'a flipped bit in %s fails the verification, and the task names it',
  async (part) => {
    const [backup] = backups as [Backup];
    const objects = [...stored.keys()].filter((key) => key.includes(part));
    const own = objects.find((key) => key.includes(backup.manifest?.sessionId ?? '?'));
    const key = own ?? objects[0]!;
    const snapshot = { ...(await world.ports.catalog.backups.get(PROJECT, backup.id)) };
    world.objects.objects.set(key, damages.flip(stored.get(key)!, 0.5));
    const task = await runVerify(world, backup.id);
    expect(task).toMatchObject({ status: 'failed', failure: { code: 'Holdfast.Damaged' } });
    const report = `${task.failure?.message} ${String(task.outcome?.['damagedPacks'])}`;
    expect(report).toContain(nameOf(key));
    expect(await world.ports.catalog.backups.get(PROJECT, backup.id)).toMatchObject({
      status: 'error',
    });
    // Whole again: the verdict is taken back.
    world.objects.objects.set(key, stored.get(key)!);
    expect(await runVerify(world, backup.id)).toMatchObject({ status: 'success' });
    expect(await world.ports.catalog.backups.get(PROJECT, backup.id)).toMatchObject({
      status: 'available',
      manifest: snapshot.manifest,
    });
  },
);
