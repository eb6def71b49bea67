import { parseArgs } from 'node:util';
import { startS3Server } from './server.ts';

/**
 * The server as a process: `node main.ts --dir D [--port N] [--host H] [--exit-with-parent]`, its
 * key pair in the environment. Prints `{"listening": url}` once it answers. Ends in order on
 * SIGTERM and SIGINT and, with `--exit-with-parent`, when its stdin ends because the parent is
 * gone.
 */
const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '3004' },
      host: { type: 'string', default: '127.0.0.1' },
      dir: { type: 'string' },
      'exit-with-parent': { type: 'boolean', default: false },
    },
  });
  const { HOLDFAST_S3_ACCESS_KEY: accessKeyId, HOLDFAST_S3_SECRET_KEY: secret } = process.env;
  if (!values.dir || !accessKeyId || !secret)
    throw new Error('--dir, HOLDFAST_S3_ACCESS_KEY and HOLDFAST_S3_SECRET_KEY must be set.');
  const server = await startS3Server({
    dir: values.dir,
    port: parsePort(values.port),
    host: values.host,
    credentials: { [accessKeyId]: secret },
    warn: (text) => console.error(text),
  });
  const stop = () => void server.close().finally(() => process.exit(0));
  process.once('SIGINT', stop).once('SIGTERM', stop);
  if (values['exit-with-parent']) process.stdin.once('close', stop).resume();
  // Last: who reads this may end the process at once.
  console.log(JSON.stringify({ listening: server.url }));
};

const parsePort = (text: string): number => {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) throw new Error(`--port ${text} is no port.`);
  return port;
};

/** What went wrong, in a line that tells what to do about it. */
const explain = (error: unknown): string => {
  const { code, message, path, address, port } = error as NodeJS.ErrnoException & {
    address?: string;
    port?: number;
  };
  switch (code) {
    case 'EADDRINUSE':
      return `Port ${port} of ${address} is taken; choose another one with --port.`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `${address ?? message} is no address of this machine; choose one with --host.`;
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'ENOTDIR':
    case 'EEXIST':
      return `${path ?? `Port ${port}`} cannot be used (${code}).`;
    default:
      return message;
  }
};

try {
  await main();
} catch (error) {
  console.error(`The S3 server did not start: ${explain(error)}`);
  process.exitCode = 1;
}
