import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import DurableOffline from '../../../local/plugin.ts';
import { freePort } from '../../support/ports.ts';

let folder: string;
let busy: Server;
let environment: NodeJS.ProcessEnv;
let listeners: Set<unknown>;
const lines: string[] = [];
const note = (text: string): void => void lines.push(text);
const log = { notice: note, error: note, warning: note };

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'plugin-'));
  environment = { ...process.env };
  listeners = new Set(process.listeners('unhandledRejection'));
  busy = createServer();
  await new Promise<void>((resolve) => void busy.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  process.env = environment;
  for (const listener of process.listeners('unhandledRejection'))
    if (!listeners.has(listener)) process.off('unhandledRejection', listener);
  busy.close();
  await rm(folder, { recursive: true });
});

const busyPort = (): number => (busy.address() as AddressInfo).port;

function newPlugin(durableOffline: object, options: Record<string, unknown> = {}): DurableOffline {
  const functions = {
    job: { name: 'svc-local-job', durableConfig: { executionTimeout: 600 } },
    worker: { name: 'svc-local-worker' },
  };
  const service = {
    custom: { 'durable-offline': { ...durableOffline }, 'serverless-offline': {} },
    provider: { region: 'eu-west-1' },
    getAllFunctions: () => Object.keys(functions),
    getFunction: (key: string) => functions[key as keyof typeof functions],
  };
  return new DurableOffline({ serviceDir: folder, service }, options, { log });
}

const start = (plugin: DurableOffline) => plugin.hooks['before:offline:start:init']?.();
const stop = (plugin: DurableOffline) => plugin.hooks['before:offline:start:end']?.();

describe('the plugin', () => {
  it('does nothing for other commands', () => {
    const before = JSON.stringify(process.env);
    const plugin = newPlugin({ port: 'nonsense' });
    expect(Object.keys(plugin.hooks).filter((hook) => !hook.includes('offline'))).toEqual([]);
    expect(JSON.stringify(process.env)).toBe(before);
  });

  it('points Lambda clients at the engine, and is ready once functions can run', async () => {
    delete process.env['AWS_REGION'];
    process.env['AWS_ACCESS_KEY_ID'] = 'mine';
    const port = await freePort();
    const plugin = newPlugin(
      { port: String(port), concurrency: { worker: '1' } },
      { lambdaPort: busyPort(), host: '127.0.0.1' },
    );
    await start(plugin);
    expect(process.env['AWS_ENDPOINT_URL_LAMBDA']).toBe(`http://127.0.0.1:${port}`);
    expect(process.env['AWS_REGION']).toBe('eu-west-1');
    expect(process.env['AWS_ACCESS_KEY_ID']).toBe('mine');
    expect(process.env['AWS_SECRET_ACCESS_KEY']).toBeDefined();
    await until(async () => (await fetch(`http://127.0.0.1:${port}/healthz`)).status === 200);
    const list = `http://127.0.0.1:${port}/2025-12-01/functions/svc-local-job/durable-executions`;
    expect(await (await fetch(list)).json()).toEqual({ DurableExecutions: [] });
    await stop(plugin);
    await expect(fetch(list)).rejects.toThrow();
  });

  it('is not ready as long as no function can run', async () => {
    const port = await freePort();
    const lambdaPort = await freePort();
    const plugin = newPlugin({ port, lambdaPort, host: '127.0.0.1' });
    await start(plugin);
    expect((await fetch(`http://127.0.0.1:${port}/healthz`)).status).toBe(503);
    const late = createServer().listen(lambdaPort, '127.0.0.1');
    await until(async () => (await fetch(`http://127.0.0.1:${port}/healthz`)).status === 200);
    late.close();
    await stop(plugin);
  });

  it('stops while it waits for the functions', async () => {
    const port = await freePort();
    const plugin = newPlugin({ port, lambdaPort: await freePort() });
    await start(plugin);
    await stop(plugin);
    await until(async () => lines.at(-1)?.includes('does not listen') ?? false);
    await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow();
  });

  it('outlives a rejection that nobody handles', async () => {
    const plugin = newPlugin({ port: await freePort(), lambdaPort: busyPort(), host: '127.0.0.1' });
    await start(plugin);
    const [listener] = process.listeners('unhandledRejection').filter((one) => !listeners.has(one));
    listener?.(new Error('boom'), Promise.resolve());
    expect(lines.at(-1)).toContain('an asynchronous invocation failed: Error: boom');
    await stop(plugin);
  });

  it('names the setting that is wrong', async () => {
    await expect(start(newPlugin({ port: 70_000 }))).rejects.toThrow('durable-offline.port');
    await expect(start(newPlugin({ concurrency: { nobody: 1 } }))).rejects.toThrow('nobody');
    await expect(start(newPlugin({ port: busyPort() }))).rejects.toThrow(
      `port ${busyPort()} is in use`,
    );
  });
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (const endsAtMs = Date.now() + 20_000; !(await condition()); ) {
    if (Date.now() > endsAtMs) throw new Error('it did not happen within 20 seconds');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
