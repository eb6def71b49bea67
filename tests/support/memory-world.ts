import { createHash } from 'node:crypto';
import { memoryCatalog } from '../../lib/adapters/memory/memory-catalog.ts';
import { memoryCatalogState } from '../../lib/adapters/memory/memory-catalog-state.ts';
import { memoryClock } from '../../lib/adapters/memory/memory-clock.ts';
import { memoryDisks } from '../../lib/adapters/memory/memory-disks.ts';
import { memoryIds } from '../../lib/adapters/memory/memory-ids.ts';
import { memoryJobs } from '../../lib/adapters/memory/memory-jobs.ts';
import { memoryKeyProvider } from '../../lib/adapters/memory/memory-key-provider.ts';
import { memoryNotifier } from '../../lib/adapters/memory/memory-notifier.ts';
import { memoryObjectStore } from '../../lib/adapters/memory/memory-object-store.ts';
import { memoryProbe } from '../../lib/adapters/memory/memory-probe.ts';
import type { Role } from '../../lib/model/credential.ts';

/** Thirty days. */
const TASK_KEPT_MS = 30 * 86_400_000;

export type MemoryWorld = ReturnType<typeof memoryWorld>;

/** Every port in memory, and a way to let somebody in. */
export function memoryWorld() {
  const clock = memoryClock();
  const state = memoryCatalogState();
  const catalog = memoryCatalog(state);
  /** Makes a credential and returns its token. */
  const admit = async (
    projectId: string,
    role: Role = 'Full',
    {
      expiresAtMs,
      token = `${role} in ${projectId}`,
    }: { expiresAtMs?: number; token?: string } = {},
  ) => {
    await catalog.credentials.put({
      tokenSha256: createHash('sha256').update(token).digest('hex'),
      projectId,
      userId: 'u1',
      role,
      createdAtMs: clock.nowMs(),
      ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
    });
    return token;
  };
  return {
    /** What the catalog keeps, to look at or to spoil. */
    state,
    catalog,
    clock,
    disks: memoryDisks(() => clock.nowMs()),
    objects: memoryObjectStore(),
    keys: memoryKeyProvider(),
    jobs: memoryJobs(),
    notifier: memoryNotifier(),
    ids: memoryIds(),
    probe: memoryProbe(),
    settings: {
      region: 'local',
      availabilityZone: 'local-a',
      requestsPerSecond: 1_000_000,
      taskKeptMs: TASK_KEPT_MS,
    },
    admit,
  };
}
