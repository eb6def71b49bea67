import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import {
  type FunctionHost,
  FunctionTimedOut,
  functionErrorOf,
  httpFunctionHost,
  limitConcurrency,
} from '../../../local/durable-engine/function-host.ts';

let server: Server;
let host: ReturnType<typeof httpFunctionHost>;

async function serve(answer: Parameters<typeof createServer>[1]): Promise<FunctionHost> {
  server = createServer(answer);
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  host = httpFunctionHost('127.0.0.1', (server.address() as AddressInfo).port, 0);
  return host;
}

describe('httpFunctionHost', () => {
  afterEach(() => {
    host.close();
    server.closeAllConnections();
    server.close();
  });

  it('waits for the time-out of the function and no longer', async () => {
    const functions = await serve(() => undefined);
    const startedAtMs = Date.now();
    await expect(functions.invoke('f', '{}', 0.2)).rejects.toThrow(new FunctionTimedOut(0.2));
    expect(Date.now() - startedAtMs).toBeLessThan(2000);
  });

  it('does not take another status for an answer', async () => {
    const functions = await serve((_, response) => response.writeHead(404).end('no such function'));
    await expect(functions.invoke('f', '{}', 5)).rejects.toThrow('404: no such function');
  });

  it('rejects when the connection breaks within the answer', async () => {
    const functions = await serve((request, response) => {
      response.writeHead(200, { 'content-length': '100' });
      response.write('half', () => request.socket.destroy());
    });
    await expect(functions.invoke('f', '{}', 5)).rejects.toThrow();
  });
});

describe('functionErrorOf', () => {
  it.each([
    ['{"errorType":"T","errorMessage":"m"}', { ErrorType: 'T', ErrorMessage: 'm' }],
    ['{"errorMessage":"m"}', { ErrorType: 'Error', ErrorMessage: 'm' }],
    ['not JSON', { ErrorType: 'Unhandled', ErrorMessage: 'not JSON' }],
    ['null', { ErrorType: 'Unhandled', ErrorMessage: 'null' }],
  ])('%s', (payload, expected) => {
    expect(functionErrorOf({ payload, functionError: 'Unhandled' })).toEqual(expected);
  });
});

describe('limitConcurrency', () => {
  const aFunction = { timeoutSeconds: 1, retriesMax: 0 };
  const functions = new Map([
    ['two', { ...aFunction, name: 'two', concurrency: 2 }],
    ['free', { ...aFunction, name: 'free' }],
  ]);

  it.each([
    ['two', 2],
    ['free', 6],
  ])('%s runs at most %d at a time, first come first served', async (name, most) => {
    const [order, finish]: [string[], (() => void)[]] = [[], []];
    const limited = limitConcurrency(
      {
        invoke: async (_, payload) => {
          order.push(payload);
          const { promise, resolve, reject } = Promise.withResolvers<void>();
          finish.push(payload === '1' ? () => reject(new Error('broken')) : resolve);
          await promise;
          return { payload };
        },
      },
      functions,
    );
    const calls = ['0', '1', '2', '3', '4', '5'].map((n) => limited.invoke(name, n, 1));
    const settled = Promise.allSettled(calls);
    const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
    await turn();
    for (let running = most; order.length < 6; running++) {
      expect(order).toHaveLength(Math.min(running, 6));
      finish[running - most]?.();
      await turn();
    }
    for (const end of finish) end();
    const results = await settled;
    expect(order).toEqual(['0', '1', '2', '3', '4', '5']);
    expect(results.map(({ status }) => status).filter((status) => status === 'rejected')).toEqual([
      'rejected',
    ]);
  });
});
