import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/**
 * Below what the system gives to connections and to listeners that name no port (32768 and up): so
 * nobody takes a port by chance between its choice and its use, nor while what listened on it is
 * killed and started again.
 */
const FIRST_PORT = 10_000;
/** Jest's workers have ports of their own. */
const PORTS_EACH = 2000;
const RANGES = 11;

const from = FIRST_PORT + (Number(process.env['JEST_WORKER_ID'] ?? 0) % RANGES) * PORTS_EACH;
/** From anywhere: another run of the tests may go on beside this one. */
let next = randomInt(PORTS_EACH);

/** A port on which nobody listens, another one each time. */
export const freePort = async (): Promise<number> => {
  for (let tries = 0; tries < PORTS_EACH; tries++) {
    const port = from + (next++ % PORTS_EACH);
    if (await isFree(port)) return port;
  }
  throw new Error(`No port from ${from} to ${from + PORTS_EACH - 1} is free.`);
};

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
