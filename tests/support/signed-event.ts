import { createHash, createHmac, randomBytes } from 'node:crypto';
import type { Role } from '../../lib/model/credential.ts';
import type { HttpEvent } from '../../lib/runtime/http-function-request.ts';
import type { MemoryWorld } from './memory-world.ts';

/** An access key as its owner has it. */
export interface OwnedKey {
  accessKeyId: string;
  secret: string;
}

/** Makes an access key in a world, its secret wrapped as it is stored. */
export async function admitKey(
  { catalog, keys, clock }: Pick<MemoryWorld, 'catalog' | 'keys' | 'clock'>,
  projectId: string,
  {
    accessKeyId = randomBytes(10).toString('hex').toUpperCase(),
    secret = randomBytes(20).toString('hex'),
    ...more
  }: Partial<OwnedKey> & { role?: Role; expiresAtMs?: number } = {},
): Promise<OwnedKey> {
  await catalog.accessKeys.put({
    id: accessKeyId,
    provider: keys.name,
    wrapped: await keys.wrap(Buffer.from(secret), { accessKeyId }),
    projectId,
    userId: 'u2',
    role: 'Full',
    createdAtMs: clock.nowMs(),
    ...more,
  });
  return { accessKeyId, secret };
}

/**
 * Signs an event as a client does, in the plainest way: it must have a path and a query in which
 * nothing is to be encoded, and a query that is sorted.
 */
export function signedEvent(
  event: HttpEvent,
  { accessKeyId, secret }: OwnedKey,
  atMs: number,
  host = 'api.example.com',
): HttpEvent {
  const date = new Date(atMs).toISOString().replaceAll(/[-:]|\.\d+/g, '');
  const body = Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8');
  const canonical = [
    event.requestContext?.http?.method,
    `${event.rawPath}/`,
    event.rawQueryString,
    `host:${host}\nx-sdk-date:${date}\n`,
    'host;x-sdk-date',
    sha256(body),
  ].join('\n');
  const text = `SDK-HMAC-SHA256\n${date}\n${sha256(canonical)}`;
  const signature = createHmac('sha256', secret).update(text).digest('hex');
  const { 'X-Auth-Token': _, ...headers } = event.headers ?? {};
  return {
    ...event,
    headers: {
      ...headers,
      Host: host,
      'X-Sdk-Date': date,
      Authorization: `SDK-HMAC-SHA256 Access=${accessKeyId}, SignedHeaders=host;x-sdk-date, Signature=${signature}`,
    },
  };
}

const sha256 = (data: string | Uint8Array) => createHash('sha256').update(data).digest('hex');
