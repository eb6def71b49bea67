import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { localDisks } from '../lib/adapters/local/local-disks.ts';
import { ApiClient } from '../local/api-client.ts';
import { disksFolder } from '../local/home.ts';
import { processesOf } from '../local/leftovers.ts';
import { freePorts } from '../local/ports.ts';
import { startStack } from '../local/stack.ts';
import { type Change, diskUsage, seconds, settle } from './image.ts';
import type { Figures } from './restic.ts';

/** One round of ours: through the API, from POST to `available`, with local S3. */
export const measureOurs = async (
  folder: string,
  image: string,
  changes: Change[],
): Promise<Figures> => {
  const home = join(folder, 'holdfast');
  await rm(home, { recursive: true, force: true });
  const stack = await startStack({ home, ports: await freePorts() });
  try {
    const client = new ApiClient(stack.url, stack.identity.projectId, stack.identity.token);
    const disks = localDisks({ root: disksFolder(home) });
    const diskId = randomUUID();
    await disks.importDisk({ id: diskId, name: 'bench', source: image });
    const vaultId = await client.createVault('bench', 1000);
    await client.addDisk(vaultId, diskId);
    let backupId = '';
    const backUp = async () => {
      const started = await client.startBackup(vaultId, diskId);
      backupId = started.backupId;
      await client.waitFor(started.taskId);
    };
    await settle(image);
    const firstBackup = await seconds(backUp);
    for (const { offset, after } of changes) await disks.write(diskId, offset, after);
    await settle(image);
    const incremental = await seconds(backUp);
    await settle(image);
    const restore = await seconds(async () => {
      const { taskId } = await client.startNewDisk(backupId);
      await client.waitFor(taskId);
    });
    const storedBytes = await diskUsage(join(home, 's3', 'objects'));
    return {
      firstBackup,
      incremental,
      restore,
      storedBytes,
      peakMemoryBytes: await peakMemory(home),
    };
  } finally {
    await stack.stop();
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
  }
};

/** The sum of the largest resident sizes of all processes of local mode. */
const peakMemory = async (home: string): Promise<number> => {
  let sum = 0;
  for (const pid of await processesOf(home)) {
    const status = await readFile(`/proc/${pid}/status`, 'utf8');
    sum += Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
  }
  return sum;
};
