import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import type { HttpEvent } from '../lib/runtime/http-function-request.ts';
import { ApiClient } from '../local/api-client.ts';
import { createCredentialOf } from '../local/credential-commands.ts';
import { freePorts } from '../local/ports.ts';
import { type LocalStack, startStack } from '../local/stack.ts';
import { signedEvent } from '../tests/support/signed-event.ts';

/**
 * `node bench/api.ts`: start-up to the first answer, and warm answers over HTTP, as one JSON
 * object.
 */
const CALLS = 500;

const main = async (): Promise<object> => {
  const home = await mkdtemp(join(tmpdir(), 'holdfast-api-'));
  const began = performance.now();
  const ports = await freePorts();
  const stack = await startStack({ home, ports });
  const startSeconds = (performance.now() - began) / 1000;
  try {
    const client = new ApiClient(stack.url, stack.identity.projectId, stack.identity.token);
    const vaultId = await client.createVault('bench', 100);
    const show = await times(() => client.call('GET', `vaults/${vaultId}`));
    const list = await times(() => client.call('GET', 'operation-logs'));
    const signed = await times(await signedCall(stack, ports.dynamo, `vaults/${vaultId}`));
    return { startSeconds, showVaultMs: show, showVaultSignedMs: signed, listTasksMs: list };
  } finally {
    await stack.stop();
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
  }
};

/** The same call, signed with an access key instead of with a token. */
const signedCall = async ({ url, home, identity }: LocalStack, port: number, path: string) => {
  process.env['HOLDFAST_DYNAMO_PORT'] = String(port);
  const key = z
    .object({ id: z.string(), secret: z.string() })
    .transform(({ id, secret }) => ({ accessKeyId: id, secret }))
    .parse(await createCredentialOf(home, {}));
  const rawPath = `/v3/${identity.projectId}/${path}`;
  const event: HttpEvent = {
    rawPath,
    rawQueryString: '',
    headers: {},
    requestContext: { http: { method: 'GET' } } as NonNullable<HttpEvent['requestContext']>,
  };
  return async () => {
    // `fetch` sets the host itself.
    const { headers } = signedEvent(event, key, Date.now(), new URL(url).host);
    const { Host: _, ...sent } = headers as Record<string, string>;
    const response = await fetch(`${url}${rawPath}`, { headers: sent });
    await response.text();
    if (!response.ok) throw new Error(`The signed call was answered with ${response.status}.`);
  };
};

const times = async (call: () => Promise<unknown>): Promise<{ p50: number; p99: number }> => {
  for (let n = 0; n < 20; n++) await call();
  const taken: number[] = [];
  for (let n = 0; n < CALLS; n++) {
    const began = performance.now();
    await call();
    taken.push(performance.now() - began);
  }
  const sorted = taken.toSorted((a, b) => a - b);
  const at = (share: number) => Math.round((sorted[Math.floor(CALLS * share)] ?? 0) * 10) / 10;
  return { p50: at(0.5), p99: at(0.99) };
};

console.log(JSON.stringify(await main()));
