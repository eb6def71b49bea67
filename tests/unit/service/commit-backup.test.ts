import { beforeEach, describe, expect, it } from '@jest/globals';
import { BLOCK_BYTES, SEGMENT_BYTES } from '../../../lib/model/block.ts';
import { type FinishedRange, NO_STATS } from '../../../lib/model/session.ts';
import { commitBackup } from '../../../lib/service/commit-backup.ts';
import {
  beginBackup,
  bindDisk,
  type DataWorld,
  DISK,
  dataWorld,
  PROJECT,
} from '../../support/data-world.ts';
import { SOME } from '../../support/some-stored.ts';

const range = (from: number, to: number): FinishedRange => ({
  from,
  to,
  segments: Array.from({ length: to - from }, () => null),
  stats: { ...NO_STATS, zeroBytes: (to - from) * SEGMENT_BYTES },
});

describe('a commit', () => {
  let world: DataWorld;
  let request: Parameters<typeof commitBackup>[0];

  /** A backup of a disk of three segments, all of it but the copying. */
  beforeEach(async () => {
    world = await dataWorld();
    const { catalog } = world.ports;
    await world.disks.addDisk({ id: DISK, name: DISK, sizeBytes: 2 * SEGMENT_BYTES + BLOCK_BYTES });
    await bindDisk(world);
    const { backupId, event } = await beginBackup(world);
    const { operationLogId } = event;
    const { vaultId } = world;
    const { id: snapshotId } = await world.disks.createSnapshot(DISK, operationLogId);
    await catalog.backups.setStatus(PROJECT, backupId, 'protecting', { atMs: 1, snapshotId });
    const { sessionId } = SOME;
    await catalog.sessions.open({
      vaultId,
      id: sessionId,
      kind: 'write',
      backupId,
      operationLogId,
      quarantined: [],
      leaseUntilMs: 60_000,
      createdAtMs: 1,
    });
    request = { projectId: PROJECT, operationLogId, vaultId, backupId, sessionId };
  });

  const put = async (ranges: FinishedRange[]) => {
    const { vaultId, sessionId } = request;
    for (const one of ranges) await world.ports.catalog.sessions.putRange(vaultId, sessionId, one);
  };
  const found = () => world.ports.catalog.backups.get(PROJECT, request.backupId);

  it('joins what the workers recorded, and may be repeated', async () => {
    await put([range(1, 3), range(0, 1)]);
    await commitBackup(request, world.ports);
    const committed = await found();
    expect(committed).toMatchObject({
      root: 'VISIBLE',
      stats: { zeroBytes: 3 * SEGMENT_BYTES },
    });
    await commitBackup(request, world.ports);
    expect(await found()).toEqual(committed);
  });

  it.each([
    ['nothing', []],
    ['the beginning', [range(1, 3)]],
    ['a hole', [range(0, 1), range(2, 3)]],
    ['the end', [range(0, 2)]],
    ['a segment, where two ranges overlap', [range(0, 2), range(1, 3)]],
    ['a segment, where another is there twice', [range(0, 2), range(1, 2)]],
    ['a segment, where one too many is recorded', [range(0, 1), range(2, 4)]],
    ['a segment within a range', [{ ...range(0, 3), segments: [null, null] }]],
  ])('refuses a backup of which %s is missing', async (_, ranges) => {
    await put(ranges);
    await expect(commitBackup(request, world.ports)).rejects.toMatchObject({ code: 'bug' });
    expect(await found()).toMatchObject({ root: 'NONE', status: 'protecting' });
  });

  it('refuses a pack that was found damaged meanwhile, but not a repetition', async () => {
    await put([range(0, 3)]);
    const { packs } = world.ports.catalog;
    const { vaultId } = request;
    const { packId: id, keyId, sessionId } = SOME;
    await packs.open({ vaultId, id, keyId, sessionId });
    await packs.seal(vaultId, id, { slotCount: 1, storedBytes: 9, startEpoch: 1 });
    await packs.quarantine(vaultId, id, 'damaged');
    await expect(commitBackup(request, world.ports)).rejects.toMatchObject({
      code: 'pack.damaged',
      details: { packId: id },
    });
    expect(await found()).toMatchObject({ root: 'NONE' });
    await packs.release(vaultId, id);
    await commitBackup(request, world.ports);
    await packs.quarantine(vaultId, id, 'damaged');
    await commitBackup(request, world.ports);
    expect(await found()).toMatchObject({ root: 'VISIBLE' });
  });
});
