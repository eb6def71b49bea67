import { parseArgs } from 'node:util';
import { startS3Server } from './server.ts';

/** The server as a process: `node main.ts --port N --dir D`, its key pair in the environment. */
const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: '3004' },
      host: { type: 'string', default: '127.0.0.1' },
      dir: { type: 'string' },
    },
  });
  const { HOLDFAST_S3_ACCESS_KEY: accessKeyId, HOLDFAST_S3_SECRET_KEY: secret } = process.env;
  if (values.dir === undefined || accessKeyId === undefined || secret === undefined) {
    throw new Error('--dir, HOLDFAST_S3_ACCESS_KEY and HOLDFAST_S3_SECRET_KEY must be set.');
  }
  const server = await startS3Server({
    dir: values.dir,
    port: Number(values.port),
    host: values.host,
    credentials: { [accessKeyId]: secret },
    warn: (text) => console.error(text),
  });
  console.log(JSON.stringify({ listening: server.url }));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => void server.close().finally(() => process.exit(0)));
  }
};

await main();
