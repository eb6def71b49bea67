import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { BucketAlreadyOwnedByYou, CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { type S3ServerOptions, startS3Server } from '../../local/s3-server/server.ts';

export const CREDENTIALS = { accessKeyId: 'test', secretAccessKey: 'secret' };

export const clientOf = (endpoint: string): S3Client =>
  new S3Client({
    endpoint,
    region: 'eu-west-1',
    forcePathStyle: true,
    credentials: CREDENTIALS,
    maxAttempts: 1,
  });

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  /** The code of an error document; empty for another answer. */
  code: string;
}

/** What a request is besides its signature. `path` is sent as it stands. */
export interface Ask {
  method?: string;
  path: string;
  query?: Record<string, string>;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
}

export interface RunningServer {
  url: string;
  client: S3Client;
  warnings: string[];
  /** Sends what it is given, signed or not. */
  send(ask: Ask): Promise<Answer>;
  /** The request with its signature in the Authorization header, as of `at`. */
  sign(ask: Ask, at?: Date): Promise<Ask>;
  /** The request with its signature in the query. */
  presign(ask: Ask, at?: Date): Promise<Ask>;
  /** Signs and sends. */
  ask(ask: Ask): Promise<Answer>;
  /** Connections that were opened by `send`. */
  connections(): number;
  close(): Promise<void>;
}

/** A server on `dir`, with the bucket `bucket`. */
export const startTestServer = async (
  dir: string,
  options: Partial<S3ServerOptions> = {},
): Promise<RunningServer> => {
  const warnings: string[] = [];
  const { accessKeyId, secretAccessKey } = CREDENTIALS;
  const server = await startS3Server({
    dir,
    port: 0,
    credentials: { [accessKeyId]: secretAccessKey },
    warn: (text) => warnings.push(text),
    ...options,
  });
  const client = clientOf(server.url);
  await createBucket(client);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const sockets = new Set<unknown>();
  const send = (ask: Ask) => exchange(server.url, agent, ask, sockets);
  const signer = (await client.config.signer()) as unknown as Signer;
  const sign = async (ask: Ask, at = new Date()) => {
    const { headers } = await signer.sign(toSign(server.url, ask), { signingDate: at });
    return { ...ask, headers };
  };
  const presign = async (ask: Ask, at = new Date()) => {
    const payload = { 'X-Amz-Content-Sha256': 'UNSIGNED-PAYLOAD' };
    const { query, headers } = await signer.presign(
      toSign(server.url, { ...ask, headers: { ...ask.headers, ...payload } }),
      { expiresIn: 60, signingDate: at },
    );
    return { ...ask, query, headers };
  };
  const close = async () => {
    client.destroy();
    agent.destroy();
    await server.close();
  };
  return {
    url: server.url,
    client,
    warnings,
    send,
    sign,
    presign,
    ask: async (ask) => send(await sign(ask)),
    connections: () => sockets.size,
    close,
  };
};

/** What the SDK signs with; its own type leaves out that it presigns too. */
interface Signer {
  sign(request: ToSign, options: { signingDate: Date }): Promise<Signed>;
  presign(request: ToSign, options: { signingDate: Date; expiresIn: number }): Promise<Signed>;
}
type ToSign = ReturnType<typeof toSign>;
type Signed = Required<Pick<Ask, 'headers' | 'query'>>;

const createBucket = async (client: S3Client): Promise<void> => {
  try {
    await client.send(new CreateBucketCommand({ Bucket: 'bucket' }));
  } catch (error) {
    if (!(error instanceof BucketAlreadyOwnedByYou)) throw error;
  }
};

const toSign = (
  url: string,
  { method = 'GET', path, query = {}, headers = {}, body = '' }: Ask,
) => {
  const { hostname, port, host } = new URL(url);
  const payload = Object.keys(headers).some((name) => /^x-amz-content-sha256$/i.test(name))
    ? {}
    : { 'x-amz-content-sha256': createHash('sha256').update(body).digest('hex') };
  return {
    method,
    protocol: 'http:',
    hostname,
    port: Number(port),
    path,
    query,
    headers: { ...payload, ...headers, host },
  };
};

const exchange = async (
  url: string,
  agent: Agent,
  { method = 'GET', path, query = {}, headers = {}, body }: Ask,
  sockets: Set<unknown>,
): Promise<Answer> => {
  const search = Object.entries(query).map(
    ([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`,
  );
  const { hostname, port } = new URL(url);
  const sent = request({
    agent,
    hostname,
    port,
    method,
    path: search.length === 0 ? path : `${path}?${search.join('&')}`,
    headers:
      body === undefined ? headers : { 'content-length': Buffer.byteLength(body), ...headers },
  });
  sent.on('socket', (socket) => sockets.add(socket));
  if (headers['expect'] === undefined) sent.end(body);
  else {
    sent.flushHeaders();
    sent.once('continue', () => sent.end(body));
  }
  const [response] = await once(sent, 'response');
  let text = '';
  for await (const part of response.setEncoding('utf8')) text += part;
  if (!sent.writableEnded) sent.destroy();
  const code = /<Code>(\w+)<\/Code>/.exec(text)?.[1] ?? '';
  return { status: response.statusCode, headers: response.headers, text, code };
};
