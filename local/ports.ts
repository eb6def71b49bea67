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

/** The ports of `npm start`: as set, each free; a taken one is named with the way out. */
export const configuredPorts = async (): Promise<LocalPorts> => {
  const ports = {} as LocalPorts;
  for (const name of NAMES) {
    const { variable, port, what } = DEFAULTS[name];
    const text = process.env[variable] ?? String(port);
    const chosen = Number(text);
    if (!Number.isInteger(chosen) || chosen < 1 || chosen > 65_535) {
      throw new Error(`${variable}=${text} is not a port.`);
    }
    if (!(await isFree(chosen))) {
      throw new Error(
        `Port ${chosen} of the ${what} is taken. Choose another: ${variable}=<port> npm start`,
      );
    }
    ports[name] = chosen;
  }
  return ports;
};

/** Five free ports, for the demo and for tests. */
export const freePorts = async (): Promise<LocalPorts> => {
  // All are held until all are known, so that none is given out twice.
  const servers = await Promise.all(NAMES.map(() => listen(0)));
  const ports = {} as LocalPorts;
  for (const [n, name] of NAMES.entries()) ports[name] = servers[n]?.port ?? 0;
  await Promise.all(servers.map(({ close }) => close()));
  return ports;
};

/** The environment variables that tell every part of local mode its port. */
export const portVariables = (ports: LocalPorts): Record<string, string> =>
  Object.fromEntries(NAMES.map((name) => [DEFAULTS[name].variable, String(ports[name])]));

const isFree = async (port: number): Promise<boolean> => {
  try {
    await (await listen(port)).close();
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false;
    throw error;
  }
};

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
