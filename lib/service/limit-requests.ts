import { HoldfastError } from '../errors.ts';
import type { ApiPorts } from './api-ports.ts';

/**
 * Counts a request of a credential, over all functions and their instances. `Holdfast.Throttled`
 * when it made too many in this second (docs/adr/0013).
 */
export async function limitRequests(
  credentialId: string,
  { catalog, clock, settings }: Pick<ApiPorts, 'catalog' | 'clock' | 'settings'>,
): Promise<void> {
  const max = settings.requestsPerSecond;
  const isWithin = await catalog.requests.count({ credentialId, atMs: clock.nowMs(), max });
  if (!isWithin) throw new HoldfastError('Holdfast.Throttled', { max });
}
