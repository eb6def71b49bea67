import type { Catalog } from '../ports/catalog.ts';
import type { Clock } from '../ports/clock.ts';
import type { Disks } from '../ports/disks.ts';
import type { Ids } from '../ports/ids.ts';
import type { Jobs } from '../ports/jobs.ts';
import type { KeyProvider } from '../ports/key-provider.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import type { Probe } from '../ports/probe.ts';

/** All that the API's use cases need of the world; each takes the part it needs. */
export interface ApiPorts {
  catalog: Catalog;
  disks: Disks;
  jobs: Jobs;
  objects: ObjectStore;
  keys: KeyProvider;
  clock: Clock;
  ids: Ids;
  probe: Probe;
  settings: {
    region: string;
    availabilityZone: string;
    /** What a credential may ask for in a second, over all functions. */
    requestsPerSecond: number;
    /** How long a task is shown after it ended. */
    taskKeptMs: number;
  };
}
