import { createServer } from 'node:net';

/** The ports of local mode and the variables that change them. */
export interface LocalPorts {
  api: number;
  lambda: number;
  durable: number;
  s3: number;
  dynamo: number;
}

const DEFAULTS: Record<keyof LocalPorts, { variable: string; port: number; what: string }> = {
  api: { variable: 'HOLDFAST_PORT', port: 3000, what: 'API' },
  lambda: { variable: 'HOLDFAST_LAMBDA_PORT', port: 3002, what: 'Lambda endpoint' },
  durable: { variable: 'HOLDFAST_DURABLE_PORT', port: 3003, what: 'durable engine' },
  s3: { variable: 'HOLDFAST_S3_PORT', port: 3004, what: 'S3 server' },
  dynamo: { variable: 'HOLDFAST_DYNAMO_PORT', port: 3005, what: 'DynamoDB emulator' },
};

const NAMES = Object.keys(DEFAULTS) as (keyof LocalPorts)[];

/** The port of the API, as set or by default. */
export const apiPort = (): number => portOf('api');

/** The port of serverless-offline's Lambda endpoint, as set or by default. */
export const lambdaPort = (): number => portOf('lambda');

/** The DynamoDB of a running local mode: the emulator's, or the one that somebody brings. */
export const dynamoEndpoint = (port = portOf('dynamo')): string =>
  process.env['HOLDFAST_DYNAMO_ENDPOINT'] ?? `http://127.0.0.1:${port}`;

/** The S3 server of a running local mode. */
export const s3Endpoint = (): string => `http://127.0.0.1:${portOf('s3')}`;

/** The ports of `npm start`, as set or by default; refuses one that is given twice. */
export const configuredPorts = (): LocalPorts => {
  const ports = Object.fromEntries(NAMES.map((name) => [name, portOf(name)]));
  for (const [n, name] of NAMES.entries()) {
    const other = NAMES.slice(0, n).find((earlier) => ports[earlier] === ports[name]);
    if (other !== undefined) {
      const { variable } = DEFAULTS[name];
      throw new Error(`${variable} and ${DEFAULTS[other].variable} are both ${ports[name]}.`);
    }
  }
  return ports as unknown as LocalPorts;
};

const portOf = (name: keyof LocalPorts): number => {
  const { variable, port } = DEFAULTS[name];
  const text = process.env[variable] ?? String(port);
  const chosen = Number(text);
  if (!Number.isInteger(chosen) || chosen < 1 || chosen > 65_535)
    throw new Error(`${variable}=${text} is not a port.`);
  return chosen;
};

/** Fails when a port cannot be had: it is named, with the way out. */
export const requireFree = async (ports: LocalPorts): Promise<void> => {
  const deadline = Date.now() + DYING_MS;
  for (const name of NAMES) {
    for (;;) {
      try {
        await (await listen(ports[name])).close();
        break;
      } catch (error) {
        if (Date.now() > deadline) throw notFree(name, ports[name], error as NodeJS.ErrnoException);
        await new Promise((next) => setTimeout(next, POLL_MS));
      }
    }
  }
};

/** A process that was just killed may hold its ports for so long. */
const DYING_MS = 1500;
const POLL_MS = 50;

const notFree = (name: keyof LocalPorts, port: number, cause: NodeJS.ErrnoException): Error => {
  const { variable, what } = DEFAULTS[name];
  const why = cause.code === 'EADDRINUSE' ? 'is taken' : `cannot be used: ${cause.message}`;
  const text = `Port ${port} of the ${what} ${why}. Choose another: ${variable}=<port> npm start`;
  return new Error(text, { cause });
};

/** Five free ports, for the demo and for tests. */
export const freePorts = async (): Promise<LocalPorts> => {
  // All are held until all are known, so that none is given out twice.
  const servers = await Promise.all(NAMES.map(() => listen(0)));
  const ports = Object.fromEntries(NAMES.map((name, n) => [name, servers[n]?.port]));
  await Promise.all(servers.map(({ close }) => close()));
  return ports as unknown as LocalPorts;
};

/** The environment variables that tell every part of local mode its port. */
export const portVariables = (ports: LocalPorts): Record<string, string> =>
  Object.fromEntries(NAMES.map((name) => [DEFAULTS[name].variable, String(ports[name])]));

const listen = (port: number): Promise<{ port: number; close: () => Promise<void> }> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      const address = server.address();
      const chosen = typeof address === 'object' && address !== null ? address.port : port;
      resolve({ port: chosen, close: () => new Promise((done) => server.close(() => done())) });
    });
  });
