import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { parseArgs } from 'node:util';
import { type LocalDisks, localDisks } from '../lib/adapters/local/local-disks.ts';
import { ApiClient, type TaskView } from './api-client.ts';
import { disksFolder, PROGRAM } from './home.ts';
import { interruption } from './interruption.ts';
import { freePorts } from './ports.ts';
import { progressBar } from './progress-bar.ts';
import { checkFileSystem, chooseBlocks, makeRealImage, type RealImage } from './real-image.ts';
import { startStack } from './stack.ts';

const GIB = 2 ** 30;
const IMAGE_BYTES = GIB;
/** The image, the disk, its backups, the restored disk and a copy for e2fsck. */
const NEEDED_BYTES = 6 * GIB;

interface Row {
  step: string;
  seconds: number;
  outcome: Record<string, unknown>;
}

/** `npm run demo`: a real disk goes through a vault and comes back byte for byte. */
const main = async (): Promise<number> => {
  const { image } = parseArgs({ options: { image: { type: 'string', default: 'ext4' } } }).values;
  if (image !== 'ext4' && image !== 'tar') throw new Error('--image is ext4 (default) or tar.');
  const interrupted = interruption();
  const parent = process.env['HOLDFAST_DEMO_DIR'] ?? tmpdir();
  await requireSpace(parent);
  const cleaning = new AsyncDisposableStack();
  const folder = await mkdtemp(join(parent, 'holdfast-demo-'));
  cleaning.defer(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));
  try {
    const demo = run(folder, image, cleaning, interrupted.signal);
    const same = await Promise.race([demo, interrupted.happened]);
    if (same === undefined) return 130;
    say(same ? 'The disk came back byte for byte.' : 'THE RESTORED DISK DIFFERS.');
    return same ? 0 : 1;
  } finally {
    await cleaning.disposeAsync();
  }
};

const requireSpace = async (parent: string): Promise<void> => {
  const { bavail, bsize } = await statfs(parent);
  if (bavail * bsize >= NEEDED_BYTES) return;
  const free = ((bavail * bsize) / GIB).toFixed(1);
  throw new Error(
    `The demo needs 6 GiB in ${parent}, where ${free} GiB are free. Set HOLDFAST_DEMO_DIR to another folder.`,
  );
};

const run = async (
  folder: string,
  kind: RealImage['kind'],
  cleaning: AsyncDisposableStack,
  signal: AbortSignal,
): Promise<boolean> => {
  say('1. Making a disk image of real files');
  const tree = join(PROGRAM, 'node_modules');
  const image = await makeRealImage(tree, join(folder, 'disk.img'), IMAGE_BYTES, kind);
  if (image.kind !== kind)
    say('   e2fsprogs is not installed: the image is a tar archive of the same files');
  say(`   ${image.kind}, ${(image.sizeBytes / GIB).toFixed(2)} GiB`);

  say('2. Starting Holdfast: DynamoDB emulator, S3 server, durable engine, functions');
  const ports = await freePorts();
  const stack = await startStack({ home: join(folder, 'home'), ports, signal });
  cleaning.defer(() => stack.stop());
  say(`   it answers at ${stack.url}`);
  const { projectId, token } = stack.identity;
  const client = new ApiClient(stack.url, projectId, token);
  return roundTrip(image, client, localDisks({ root: disksFolder(stack.home) }), folder);
};

const roundTrip = async (
  image: RealImage,
  client: ApiClient,
  disks: LocalDisks,
  folder: string,
): Promise<boolean> => {
  const rows: Row[] = [];
  const diskId = randomUUID();
  say('3. Importing the image as a disk');
  await disks.importDisk({ id: diskId, name: 'demo-disk', source: image.file });

  say('4. Creating a vault and putting the disk into it, over HTTP');
  const vaultId = await client.createVault('demo-vault', 100);
  await client.addDisk(vaultId, diskId);

  say('5. Backing up');
  rows.push(await timed('first backup', (bar) => backUp(client, vaultId, diskId, bar)));

  const offsets = chooseBlocks(image, 0.01);
  say(`6. Changing ${offsets.length} blocks of 512 KiB (1 %), inside files of the disk`);
  for (const offset of offsets) await disks.write(diskId, offset, randomBytes(512 * 1024));

  say('7. Backing up again: only what changed');
  const second = await timed('incremental backup', (bar) => backUp(client, vaultId, diskId, bar));
  rows.push(second);

  say('8. Deleting the disk');
  const original = await digest(disks, diskId);
  await disks.deleteDisk(diskId);

  say('9. Restoring it as a new disk');
  let restored = '';
  rows.push(
    await timed('restore', async (bar) => {
      const started = await client.startNewDisk(
        String(second.outcome['backupId']),
        'demo-disk-restored',
      );
      restored = started.diskId;
      return client.waitFor(started.taskId, bar);
    }),
  );

  say('10. Comparing');
  const same = (await digest(disks, restored)) === original;
  say(`   SHA-256 of the deleted disk   ${original}`);
  say(`   SHA-256 of the restored disk  ${same ? 'the same' : 'DIFFERENT'}`);
  const sound = await check(image, disks, restored, folder);
  print(rows, image.sizeBytes);
  return same && sound;
};

const backUp = async (
  client: ApiClient,
  vaultId: string,
  diskId: string,
  bar: (percent: number) => void,
): Promise<TaskView> => {
  const { backupId, taskId } = await client.startBackup(vaultId, diskId);
  const task = await client.waitFor(taskId, bar);
  return { ...task, outcome: { ...task.outcome, backupId } };
};

const timed = async (
  step: string,
  run: (bar: (percent: number) => void) => Promise<TaskView>,
): Promise<Row> => {
  const began = performance.now();
  const { outcome } = await run(progressBar(step, false));
  return { step, seconds: (performance.now() - began) / 1000, outcome };
};

const digest = async (disks: LocalDisks, diskId: string): Promise<string> => {
  const hash = createHash('sha256');
  const target = new Writable({
    write: (chunk: Uint8Array, _, done) => {
      hash.update(chunk);
      done();
    },
  });
  await disks.exportDisk(diskId, target);
  return hash.digest('hex');
};

const check = async (
  image: RealImage,
  disks: LocalDisks,
  diskId: string,
  folder: string,
): Promise<boolean> => {
  if (image.kind === 'tar') return true;
  const copy = join(folder, 'restored.img');
  await disks.exportDisk(diskId, copy);
  const sound = await checkFileSystem(copy);
  say(
    `   e2fsck -fn                    ${sound === null ? 'is not installed' : sound ? 'clean' : 'FOUND ERRORS'}`,
  );
  return sound ?? true;
};

const print = (rows: Row[], sizeBytes: number): void => {
  const mb = (bytes: unknown): string =>
    typeof bytes === 'number' ? `${(bytes / 1e6).toFixed(1)} MB` : '';
  const table = rows.map(({ step, seconds, outcome }) => ({
    step,
    time: `${seconds.toFixed(2)} s`,
    speed: `${(sizeBytes / 1e6 / seconds).toFixed(0)} MB/s`,
    read: mb(outcome['readBytes']),
    zero: mb(outcome['zeroBytes']),
    unchanged: mb(outcome['unchangedBytes']),
    deduplicated: mb(outcome['deduplicatedBytes']),
    new: mb(outcome['newBytes']),
    stored: mb(outcome['storedBytes']),
  }));
  const columns = Object.keys(table[0] ?? {}) as (keyof (typeof table)[number])[];
  const width = (column: (typeof columns)[number]) =>
    Math.max(column.length, ...table.map((row) => row[column].length));
  say('');
  say(columns.map((column) => column.padEnd(width(column))).join('  '));
  for (const row of table)
    say(columns.map((column) => row[column].padEnd(width(column))).join('  '));
  say('');
};

const say = (text: string): void => console.log(text);

// Not the exit code alone: an interrupted demo still has work under way.
try {
  process.exit(await main());
} catch (error) {
  console.error((error as Error).message);
  process.exit(1);
}
