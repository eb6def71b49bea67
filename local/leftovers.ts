import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Child } from './children.ts';
import { writeDurably } from './home.ts';

interface Remembered {
  pid: number;
  /** When it started, as the kernel counts: a pid that was given to another process is left alone. */
  startedAt: string;
}

const fileOf = (home: string): string => join(home, 'processes.json');

/** Notes the running children, so that the next start finds what a `kill -9` left behind. */
export const rememberChildren = async (home: string, children: Child[]): Promise<void> => {
  const remembered: Remembered[] = [];
  for (const { process: child } of children) {
    const startedAt = child.pid === undefined ? null : await startTime(child.pid);
    if (child.pid !== undefined && startedAt !== null)
      remembered.push({ pid: child.pid, startedAt });
  }
  await writeDurably(fileOf(home), JSON.stringify(remembered));
};

/** Ends the children of an earlier run of this home that outlived it. Returns how many. */
export const endLeftovers = async (home: string): Promise<number> => {
  if (!existsSync(fileOf(home))) return 0;
  const remembered = JSON.parse(await readFile(fileOf(home), 'utf8')) as Remembered[];
  let ended = 0;
  for (const { pid, startedAt } of remembered) {
    if ((await startTime(pid)) !== startedAt) continue;
    process.kill(pid, 'SIGKILL');
    ended++;
    while ((await startTime(pid)) === startedAt) await new Promise((next) => setTimeout(next, 10));
  }
  await writeDurably(fileOf(home), '[]');
  return ended;
};

/** Field 22 of /proc/<pid>/stat; `null` when there is no such process, or it is dead already. */
const startTime = async (pid: number): Promise<string | null> => {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The second field may hold spaces and parentheses; what follows its last parenthesis is plain.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? null : (fields[19] ?? null);
  } catch {
    return null;
  }
};
