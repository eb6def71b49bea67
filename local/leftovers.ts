import { readdir, readFile } from 'node:fs/promises';

/**
 * A variable in the environment of every process of a home, by which the next start finds what a
 * `kill -9` left behind. Unlike a list of pids it is there from a process's first moment, and never
 * names a process that got the pid of another.
 */
const MARK = 'HOLDFAST_PROCESS_OF';

const END_WAIT_MS = 10_000;
const POLL_MS = 10;

/** The variables that mark a process as one of this home. */
export const markOf = (home: string): Record<string, string> => ({ [MARK]: home });

/**
 * Ends the processes of an earlier run of this home that outlived it, and waits until they are
 * gone. To be called by the one who holds the home (`takeHome`). Returns how many there were. Works
 * where there is a /proc; elsewhere none is found.
 */
export const endLeftovers = async (home: string): Promise<number> => {
  const left = await processesOf(home);
  for (const pid of left) kill(pid);
  const deadline = Date.now() + END_WAIT_MS;
  for (const pid of left) {
    while (!(await isDead(pid))) {
      if (Date.now() > deadline)
        throw new Error(`Process ${pid} of ${home} does not end; end it by hand.`);
      await new Promise((next) => setTimeout(next, POLL_MS));
    }
  }
  return left.length;
};

/** Process ids of a home's marked processes, this one aside. */
export const processesOf = async (home: string): Promise<number[]> => {
  const mark = `${MARK}=${home}`;
  const pids = (await readdir('/proc').catch(() => [])).map(Number).filter(Number.isInteger);
  const found = await Promise.all(
    pids.map(async (pid) => {
      // Another user's process cannot be read, and is none of ours.
      const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
      return environment.split('\0').includes(mark) && pid !== process.pid ? [pid] : [];
    }),
  );
  return found.flat();
};

const kill = (pid: number): void => {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
};

/**
 * A process that dies loses its environment first and its open ports and files later: only one that
 * is gone, or waits to be noticed by its parent (state Z), has let go of everything.
 */
const isDead = async (pid: number): Promise<boolean> => {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  // The second field may hold spaces and parentheses; the state follows its last parenthesis.
  return stat === null || 'ZX'.includes(stat.charAt(stat.lastIndexOf(')') + 2));
};
