import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ApiClient } from '../local/api-client.ts';
import { freePorts } from '../local/ports.ts';
import { startStack } from '../local/stack.ts';

/**
 * `node bench/api.ts`: start-up to the first answer, and warm answers over HTTP, as one JSON
 * object.
 */
const CALLS = 500;

const main = async (): Promise<object> => {
  const home = await mkdtemp(join(tmpdir(), 'holdfast-api-'));
  const began = performance.now();
  const stack = await startStack({ home, ports: await freePorts() });
  const startSeconds = (performance.now() - began) / 1000;
  try {
    const client = new ApiClient(stack.url, stack.identity.projectId, stack.identity.token);
    const vaultId = await client.createVault('bench', 100);
    const show = await times(() => client.call('GET', `vaults/${vaultId}`));
    const list = await times(() => client.call('GET', 'operation-logs'));
    return { startSeconds, showVaultMs: show, listTasksMs: list };
  } finally {
    await stack.stop();
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
  }
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
