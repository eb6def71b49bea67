import { setImmediate as turn } from 'node:timers/promises';

/** Somebody who acts on a world through ports whose calls wait for their turn. */
export interface Actor {
  name: string;
  run: () => Promise<unknown>;
}

type Observe = (actor: string, call: string, answer: unknown) => void;

interface Waiting {
  actor: string;
  call: string;
  go: () => void;
}

/** Chooses who goes on; `null` = nobody any more: the rest is suspended for ever. */
export type Choose = (waiting: readonly { actor: string; call: string }[]) => number | null;

/** Who runs, in turn, until just before its `nth` (1) `call`, or to its end. */
export type Script = [actor: string, call?: string, nth?: number][];

/** Follows a script; who is not in it does nothing. */
export const follow = (script: Script): Choose => {
  let part = 0;
  let met = 0;
  return (waiting) => {
    for (; part < script.length; part++, met = 0) {
      const [actor, call, nth = 1] = script[part]!;
      const at = waiting.findIndex((one) => one.actor === actor);
      if (at < 0) continue;
      if (waiting[at]!.call === call && ++met === nth) continue;
      return at;
    }
    return null;
  };
};

/**
 * Runs actors one port call at a time. Between two calls an actor has no part in the world, so an
 * order of calls is all there is to explore: every call waits until nobody runs, then one goes on.
 */
export class Interleaving {
  readonly #waiting: Waiting[] = [];
  readonly #trace: string[] = [];
  readonly #observe: Observe;

  /** @param observe is told of each answer that an actor was given */
  constructor(observe: Observe = () => {}) {
    this.#observe = observe;
  }

  /** What happened, in order. */
  get trace(): string[] {
    return this.#trace;
  }

  /** `port` whose calls wait for the turn of `actor`; of a listing, every item does. */
  gate<T extends object>(actor: string, name: string, port: T): T {
    return new Proxy(port, {
      get: (target, property) => {
        const method: unknown = Reflect.get(target, property);
        if (typeof method !== 'function') return method;
        const call = `${name}.${String(property)}`;
        return (...args: unknown[]) => {
          const run = () => Reflect.apply(method, target, args) as unknown;
          return LISTINGS.has(call)
            ? this.#listing(actor, call, run)
            : this.#call(actor, call, run);
        };
      },
    });
  }

  /** Runs the actors to their end, or until `choose` ends it; answers what each threw. */
  async run(
    actors: Actor[],
    choose: Choose,
    afterCall: (call: string) => Promise<void> = async () => {},
  ): Promise<Map<string, unknown>> {
    const failures = new Map<string, unknown>();
    let running = actors.length;
    for (const { name, run } of actors) {
      void run()
        .catch((error: unknown) => failures.set(name, error))
        .finally(() => running--);
    }
    for (;;) {
      // Everything in memory is done with by the next turn, but for who waits for this loop.
      await turn();
      if (running === 0) return failures;
      if (this.#waiting.length === 0) continue;
      const chosen = choose(this.#waiting);
      if (chosen === null) return failures;
      const [next] = this.#waiting.splice(chosen, 1);
      this.#trace.push(`${next!.actor} ${next!.call}`);
      next!.go();
      await turn();
      await afterCall(next!.call);
    }
  }

  #turnOf(actor: string, call: string): Promise<void> {
    return new Promise((go) => this.#waiting.push({ actor, call, go }));
  }

  async #call(actor: string, call: string, run: () => unknown): Promise<unknown> {
    await this.#turnOf(actor, call);
    try {
      const answer = await run();
      this.#observe(actor, call, answer);
      return answer;
    } catch (error) {
      this.#observe(actor, call, error);
      throw error;
    }
  }

  async *#listing(actor: string, call: string, run: () => unknown): AsyncGenerator {
    await this.#turnOf(actor, call);
    for await (const item of run() as AsyncIterable<unknown>) {
      this.#observe(actor, call, item);
      yield item;
    }
  }
}

/** Calls that answer one item after the other. */
export const LISTINGS: ReadonlySet<string> = new Set([
  'objects.list',
  'backups.roots',
  'backups.entries',
  'backups.ofVault',
  'backups.list',
  'garbage.packs',
  'garbage.endedSessions',
  'garbage.vaultIds',
]);
