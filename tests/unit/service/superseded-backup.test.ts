import { describe, expect, it } from '@jest/globals';
import { BLOCK_BYTES } from '../../../lib/model/block.ts';
import type { DataPorts } from '../../../lib/service/data-ports.ts';
import { sessionIdOf } from '../../../lib/service/job-session.ts';
import {
  backUp,
  beginBackup,
  bindDisk,
  DISK,
  dataWorld,
  PROJECT,
  runJob,
} from '../../support/data-world.ts';
import { textBlock } from '../../support/some-stored.ts';

/** A disk with one backup and a second one begun, which `meddle` meets while it reads the disk. */
const given = async (meddle: (fence: () => Promise<unknown>) => Promise<unknown>) => {
  const world = await dataWorld();
  await world.disks.addDisk({ id: DISK, name: DISK, sizeBytes: 2 * BLOCK_BYTES });
  await bindDisk(world);
  await world.disks.write(DISK, 0, textBlock('first'));
  const first = await backUp(world);
  await world.disks.write(DISK, 0, textBlock('second'));
  const { backupId, event } = await beginBackup(world);
  const sessionId = sessionIdOf(event.operationLogId, 0);
  const { sessions, tasks, backups } = world.ports.catalog;
  const fence = () => sessions.end(world.vaultId, sessionId, 'FENCED');
  const disks = new Proxy(world.disks, {
    get: (target, name) => {
      const method = Reflect.get(target, name) as (...args: unknown[]) => unknown;
      if (name !== 'readBlocks') return method.bind(target);
      return async (...args: unknown[]) => {
        await meddle(fence);
        return method.apply(target, args);
      };
    },
  });
  const ports: DataPorts = { ...world.ports, disks };
  const ended = await runJob('backup', event, ports);
  return {
    ended,
    first,
    task: await tasks.get(PROJECT, event.operationLogId),
    backup: await backups.get(PROJECT, backupId),
    snapshots: (await world.disks.listSnapshots(DISK)).map(({ id }) => id),
  };
};

describe('a backup whose session was taken away', () => {
  it('leaves its task, its backup and the snapshots to the one that goes on', async () => {
    const { ended, first, task, backup, snapshots } = await given((fence) => fence());
    expect(ended).toEqual({ ended: 'superseded' });
    expect(task).toMatchObject({ status: 'running' });
    expect(task).not.toHaveProperty('failure');
    expect(backup).toMatchObject({ status: 'protecting', root: 'NONE' });
    expect(snapshots).toEqual(expect.arrayContaining([first.snapshotId, backup.snapshotId]));
  });

  it('leaves them alone when it fails for another reason, too', async () => {
    const { task, backup } = await given(async (fence) => {
      await fence();
      throw new Error('something else');
    });
    expect(task).toMatchObject({ status: 'running' });
    expect(backup).toMatchObject({ status: 'protecting', root: 'NONE' });
  });
});
