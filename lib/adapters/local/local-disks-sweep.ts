import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { CONTENT_STATES, contentName } from './local-disks-contents.ts';
import { unlessMissing } from './local-disks-files.ts';
import { takeLock } from './local-disks-lock.ts';
import { eachDisk } from './local-disks-records.ts';
import { contentPath, discard, type LocalRoot, lockPath } from './local-disks-root.ts';

/** What nobody names and nobody has touched for so long was left by a crash. */
const LEFTOVER_MS = 24 * 3600 * 1000;

/**
 * Removes what crashed steps left behind: all trash, and old unnamed files and contents. Safe while
 * others work: a content is only taken when no disk names it or its attempt, and no import runs.
 * Gives the number of things removed.
 */
export async function sweep(root: LocalRoot, leftoverMs = LEFTOVER_MS): Promise<number> {
  const trash = await inFolder(root, 'trash');
  const temps = await olderThan(await inFolder(root, 'tmp'), leftoverMs);
  for (const path of [...trash, ...temps])
    await rm(path, { recursive: true, force: true, maxRetries: 3 });

  // The list before the names: what is made and named in between is not in the list.
  const contents = await olderThan(await inFolder(root, 'contents'), leftoverMs);
  let removed = trash.length + temps.length;
  for (const path of contents) if (await sweepContent(root, path)) removed += 1;
  return removed;
}

const inFolder = async (root: LocalRoot, name: string): Promise<string[]> =>
  (await readdir(join(root.path, name))).map((entry) => join(root.path, name, entry));

async function olderThan(paths: string[], ageMs: number): Promise<string[]> {
  const old: string[] = [];
  for (const path of paths) {
    const found = await unlessMissing(stat(path));
    // The file system's times, not the clock of records: a test's clock may stand still.
    if (found !== null && Date.now() - found.mtimeMs >= ageMs) old.push(path);
  }
  return old;
}

async function sweepContent(root: LocalRoot, path: string): Promise<boolean> {
  const name = path.slice(contentPath(root, 'x').length - 1);
  const release = await takeLock(lockPath(root, 'import', name), 'exclusive', 0);
  if (release === null) return false;
  try {
    if (await isNamed(root, name)) return false;
    await discard(root, path);
    return true;
  } finally {
    release();
  }
}

async function isNamed(root: LocalRoot, name: string): Promise<boolean> {
  for await (const { content, attemptId } of eachDisk(root)) {
    if (content === name) return true;
    if (
      attemptId !== null &&
      CONTENT_STATES.some((state) => contentName(state, attemptId) === name)
    )
      return true;
  }
  return false;
}
