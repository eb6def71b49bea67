import { HoldfastError } from '../errors.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';
import type { PageRequest } from './list-page.ts';

type Ports = Pick<ApiPorts, 'settings'>;
type Features = Record<string, boolean | string | string[]>;

/** What the service can do, by the keys of CBR, ascending; one page of it. */
export async function listFeatures(
  { page }: { page: PageRequest },
  _: Caller,
  ports: Ports,
): Promise<Features> {
  const entries = Object.entries(featuresOf(ports));
  return Object.fromEntries(entries.slice(page.offset, page.offset + page.limit));
}

/** One feature; `BackupService.9900` when there is none of that key. */
export async function showFeature(
  { key }: { key: string },
  _: Caller,
  ports: Ports,
): Promise<Features> {
  const found = new Map(Object.entries(featuresOf(ports))).get(key);
  if (found === undefined) {
    throw new HoldfastError('BackupService.9900', {
      field: 'feature_key',
      reason: 'there is no such feature',
    });
  }
  return { [key]: found };
}

/** The regions of the service, each with those that it can replicate to. */
export async function listReplicationCapabilities(
  _command: object,
  _: Caller,
  { settings }: Ports,
): Promise<{ name: string; destinations: string[] }[]> {
  return [{ name: settings.region, destinations: REPLICATION_DESTINATIONS }];
}

/** This release replicates nowhere. */
const REPLICATION_DESTINATIONS: string[] = [];

const featuresOf = ({ settings }: Ports): Features => ({
  'features.backup_double_az': false,
  'replication.destination_dgw_regions': REPLICATION_DESTINATIONS,
  'replication.destination_regions': REPLICATION_DESTINATIONS,
  'replication.enable': REPLICATION_DESTINATIONS.length > 0,
  'replication.source_region': settings.region,
});
