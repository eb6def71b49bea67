import { expect } from '@jest/globals';
import { readManifest, readSegment } from '../../lib/engine/read-manifest.ts';
import { vaultKeys } from '../../lib/engine/vault-keys.ts';
import { packKey } from '../../lib/format/object-keys.ts';
import { decodePack } from '../../lib/format/pack.ts';
import type { Backup } from '../../lib/model/backup.ts';
import { BLOCK_BYTES } from '../../lib/model/block.ts';
import { type CycleReport, collectVault } from '../../lib/service/collect-vault.ts';
import type { DataPorts } from '../../lib/service/data-ports.ts';
import { runRestore, runVerify, smallWorld } from './data-scenario.ts';
import { bindDisk, type DataWorld, DISK, PROJECT } from './data-world.ts';

/** Nothing is kept for anybody: what may go, goes in the next cycle. */
const AT_ONCE = { windowMs: 0, sessionsKeptMs: 0 };

/** A vault and a disk of `blocks` blocks. */
export const collectorWorld = async (
  blocks: number,
  garbage: DataPorts['settings']['garbage'] = {},
): Promise<DataWorld> => {
  const world = await smallWorld();
  world.ports.settings.garbage = { ...AT_ONCE, ...garbage };
  await world.disks.addDisk({ id: DISK, name: 'disk', sizeBytes: blocks * BLOCK_BYTES });
  await bindDisk(world);
  return world;
};

/** All of a small disk. */
export const bytesOf = async (world: DataWorld, diskId = DISK): Promise<Uint8Array> =>
  world.disks.read(diskId, 0, (await world.disks.describe(diskId)).sizeBytes);

/** The backup verifies, and restores byte for byte. */
export const expectRestored = async (
  world: DataWorld,
  backupId: string,
  content: Uint8Array,
): Promise<void> => {
  expect(await runVerify(world, backupId)).toMatchObject({ status: 'success' });
  const { diskId, task } = await runRestore(world, backupId);
  expect(task).toMatchObject({ status: 'success' });
  expect(Buffer.compare(await bytesOf(world, diskId), content)).toBe(0);
  await world.disks.deleteDisk(diskId);
};

/** One cycle, some time after whatever happened before. */
export const collect = (world: DataWorld, ports: DataPorts = world.ports): Promise<CycleReport> => {
  world.clock.advance(1000);
  const vault = { projectId: PROJECT, vaultId: world.vaultId };
  return collectVault(vault, Number.MAX_SAFE_INTEGER, ports);
};

/** Cycles until there is nothing more to do. */
export const collectAll = async (world: DataWorld): Promise<CycleReport[]> => {
  const reports: CycleReport[] = [];
  for (let cycle = 0; cycle < 6; cycle++) {
    world.clock.advance(world.ports.settings.leaseMs);
    reports.push(await collect(world));
  }
  return reports;
};

export const hide = async (world: DataWorld, { id }: Pick<Backup, 'id'>): Promise<void> =>
  world.ports.catalog.backups.hide(PROJECT, id, world.clock.nowMs());

export const keysOf = ({ objects }: DataWorld, part: string): string[] =>
  [...objects.objects.keys()].filter((key) => key.includes(part)).toSorted();

/** Bytes of packs and segments that are stored. */
export const storedBytes = ({ objects }: DataWorld): number =>
  [...objects.objects]
    .filter(([key]) => key.includes('/packs/') || key.includes('/segments/'))
    .reduce((sum, [, bytes]) => sum + bytes.length, 0);

/**
 * Safety: every block that a root names is stored where it says, in bytes. Returns the first that
 * is not, or `null`.
 */
export const findLoss = async ({ ports, vaultId }: DataWorld): Promise<string | null> => {
  const { objects, catalog, keys } = ports;
  const reading = { objects, vaultKeys: vaultKeys(vaultId, { vaults: catalog.vaults, keys }) };
  for await (const root of catalog.backups.roots(vaultId)) {
    if (root.manifest === undefined) continue;
    try {
      const manifest = await readManifest(root, reading);
      for (const number of manifest.segments.keys()) {
        for (const entry of await readSegment(manifest, number, reading)) {
          if (entry === null) continue;
          const key = packKey({ projectId: PROJECT, vaultId }, entry.packId);
          const { bytes } = await objects.get(key);
          const { keyId } = await catalog.vaults.get(PROJECT, vaultId);
          const table = decodePack(bytes, await reading.vaultKeys.get(keyId), entry);
          const found = table.slots[entry.slot];
          if (!found || Buffer.compare(found.blockId, entry.blockId) !== 0)
            return `${root.root} backup ${root.id}: slot ${entry.slot} of ${entry.packId} is gone`;
        }
      }
    } catch (error) {
      return `${root.root} backup ${root.id}: ${(error as Error).message}`;
    }
  }
  return null;
};

export const expectNoLoss = async (world: DataWorld): Promise<void> =>
  expect(await findLoss(world)).toBeNull();
