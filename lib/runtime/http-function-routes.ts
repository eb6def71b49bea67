import { LATER_ENDPOINTS } from '../api/later-endpoints.ts';
import type { RouteFacts } from '../api/route.ts';
import { HoldfastError } from '../errors.ts';

/** A route that a request is for, and the texts that stand for the template's names. */
export interface Found<E> {
  endpoint: E;
  path: Record<string, string>;
}

/**
 * The endpoint of a table that a request is for. `Holdfast.NotImplemented` for an endpoint that a
 * later release will have, `Holdfast.NotFound` when there is nothing, `BackupService.9900` when the
 * path cannot be decoded.
 */
export function findRoute<E extends { route: RouteFacts }>(
  table: readonly E[],
  method: string,
  path: string,
): Found<E> {
  const parts = path.split('/');
  refuseLater(method, parts);
  const candidates = table.flatMap((endpoint) =>
    endpoint.route.method === method
      ? endpoint.route.paths.map((template) => ({ endpoint, template }))
      : [],
  );
  // Of two that match, the one with fewer names: `/detail` is not an id.
  candidates.sort((a, b) => nameCount(a.template) - nameCount(b.template));
  for (const { endpoint, template } of candidates) {
    const found = match(template, parts);
    if (found) return { endpoint, path: decodeAll(found) };
  }
  throw new HoldfastError('Holdfast.NotFound', { path });
}

function refuseLater(method: string, parts: readonly string[]): void {
  const later = LATER_ENDPOINTS.find((one) => one.method === method && match(one.path, parts));
  if (later) throw new HoldfastError('Holdfast.NotImplemented', { feature: later.feature });
}

const nameCount = (template: string): number => template.split('{').length;

/** Names and texts, still encoded; null when the path is another one. */
function match(template: string, parts: readonly string[]): [string, string][] | null {
  const wanted = template.split('/');
  if (wanted.length !== parts.length) return null;
  const found: [string, string][] = [];
  for (const [at, want] of wanted.entries()) {
    const part = parts[at] as string;
    if (want.startsWith('{') && part !== '') found.push([want.slice(1, -1), part]);
    else if (want !== part) return null;
  }
  return found;
}

function decodeAll(found: [string, string][]): Record<string, string> {
  return Object.fromEntries(found.map(([name, text]) => [name, decode(name, text)]));
}

function decode(name: string, text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    const reason = 'is not properly percent-encoded';
    throw new HoldfastError('BackupService.9900', { field: name, reason }, { cause });
  }
}
