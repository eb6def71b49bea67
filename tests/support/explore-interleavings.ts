import { createHash } from 'node:crypto';
import type { Drop } from './collector-actors.ts';
import { type ActorName, explore } from './collector-actors.ts';
import type { DataWorld } from './data-world.ts';
import type { Choose } from './interleaving.ts';

/** At call `at` (from 0) of a run, `actor` goes on instead of whoever would. */
type Deviation = { at: number; actor: string };

interface Explored {
  /** Runs to their end, or to a state that was known. */
  runs: number;
  /** Calls of all of them. */
  calls: number;
  /** Different states of the world and of all actors in it. */
  states: number;
  /** All orders with so many preemptions were run; -1: not even those without. */
  complete: number;
  loss: { reason: string; choices: Deviation[]; trace: string[] } | null;
}

interface Branch {
  deviations: Deviation[];
  preemptions: number;
}

/**
 * Runs the real code of `cast` in every order of their calls in which an actor is interrupted by
 * another at most `preemptions` times in all; who goes on after one has ended is free, and so is
 * who begins. Fewer preemptions first; ends with the first order that loses data.
 *
 * A run ends early in a state that was reached before with as many preemptions left: the stored
 * bytes and items are the same, and each actor has been given the same answers to the same calls.
 */
export const exploreInterleavings = async (
  cast: readonly ActorName[],
  { preemptions, runsMax = Infinity, drop }: { preemptions: number; runsMax?: number; drop?: Drop },
): Promise<Explored> => {
  const explored: Explored = { runs: 0, calls: 0, states: 0, complete: -1, loss: null };
  const known = new Set<string>();
  /** By number of preemptions. */
  const queues: Branch[][] = Array.from({ length: preemptions + 1 }, () => []);
  queues[0]!.push({ deviations: [], preemptions: 0 });
  for (const [count, queue] of queues.entries()) {
    for (let branch = queue.pop(); branch !== undefined; branch = queue.pop()) {
      if (explored.runs === runsMax) return { ...explored, states: known.size };
      const order = new Order(branch, preemptions, known);
      const found = await explore(order.choose, { drop, cast, observe: order.observe });
      explored.runs++;
      const { trace } = found;
      explored.calls += trace.length;
      if (found.loss !== null || found.unexpected.length > 0) {
        const reason = found.loss ?? (found.unexpected[0] as Error).message;
        const loss = { reason, choices: branch.deviations, trace };
        return { ...explored, states: known.size, loss };
      }
      for (const next of order.branches) queues[next.preemptions]!.push(next);
    }
    explored.complete = count;
  }
  return { ...explored, states: known.size };
};

/** One run: follows its deviations, then nobody is interrupted; notes where others could go on. */
class Order {
  readonly branches: Branch[] = [];
  readonly #branch: Branch;
  readonly #preemptionsMax: number;
  readonly #known: Set<string>;
  /** What each actor has been told so far. */
  readonly #told = new Map<string, string>();
  #at = 0;
  #last = '';

  constructor(branch: Branch, preemptionsMax: number, known: Set<string>) {
    this.#branch = branch;
    this.#preemptionsMax = preemptionsMax;
    this.#known = known;
  }

  readonly observe = (_: DataWorld, actor: string, call: string, answer: unknown): void => {
    this.#told.set(actor, digest(this.#told.get(actor) ?? '', call, answer));
  };

  readonly choose = (waiting: Parameters<Choose>[0], world: DataWorld): number | null => {
    const names = [...new Set(waiting.map(({ actor }) => actor))].toSorted();
    const own = names.includes(this.#last) ? this.#last : names[0]!;
    const at = this.#at++;
    const { deviations, preemptions } = this.#branch;
    const planned = deviations.find((one) => one.at === at);
    const next = waiting.find(({ actor }) => actor === own)!;
    if ((own !== this.#last || DECISIVE.test(next.call)) && at > (deviations.at(-1)?.at ?? -1)) {
      const cost = own === this.#last ? 1 : 0;
      if (preemptions + cost <= this.#preemptionsMax) {
        if (!this.#isNew(own, world)) return null;
        for (const actor of names)
          if (actor !== own)
            this.branches.push({
              deviations: [...deviations, { at, actor }],
              preemptions: preemptions + cost,
            });
      }
    }
    this.#last = planned?.actor ?? own;
    return waiting.findIndex(({ actor }) => actor === this.#last);
  };

  #isNew(own: string, { state, objects, vaultId }: DataWorld): boolean {
    const key = digest(own, this.#preemptionsMax - this.#branch.preemptions, this.#told, state, [
      ...objects.objects,
      vaultId,
    ]);
    if (this.#known.has(key)) return false;
    this.#known.add(key);
    return true;
  }
}

/**
 * Calls before which it matters who goes first: all but listings and those that read or put objects
 * that are written once.
 */
const DECISIVE =
  /^(sessions|packs|index|rule|backups\.hide|garbage\.(?!packs|ended)|objects\.(delete|replace|getTail))/;

/** What is told but means nothing: made up anew in every run. */
const MEANINGLESS = new Set(['etag', 'snapshotId', 'hiddenAtMs', 'updatedAtMs']);

const digest = (...parts: unknown[]): string => {
  const text = JSON.stringify(parts, (name, value: unknown) => {
    if (MEANINGLESS.has(name)) return null;
    if (value instanceof Uint8Array) return createHash('sha1').update(value).digest('hex');
    if (value instanceof Map) return [...value].toSorted(([a], [b]) => (a < b ? -1 : 1));
    return value instanceof Error ? value.message : value;
  });
  return createHash('sha1').update(text).digest('hex');
};
