import { createHash } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { S3Client } from '@aws-sdk/client-s3';
import { expect } from '@jest/globals';
import { s3ClientOptions, s3ObjectStore } from '../../lib/adapters/aws/s3-object-store.ts';
import { S3_LIMITS } from '../../lib/adapters/aws/s3-requests.ts';
import type { ObjectStore } from '../../lib/ports/object-store.ts';
import { someBytes } from './some-stored.ts';

/** What the server does with one request: an answer, or something worse. */
export type Step = (response: ServerResponse) => void;

export const BYTES = someBytes('object', 1000);
export const SHA256 = createHash('sha256').update(BYTES).digest();
export const code = (name: string) => expect.objectContaining({ code: name });

export const answer =
  (status: number, headers: Record<string, string> = {}, body: Uint8Array | string = ''): Step =>
  (response) => {
    response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers });
    response.end(body);
  };
export const error = (status: number, name: string): Step =>
  answer(status, {}, `<Error><Code>${name}</Code><Message>no</Message></Error>`);
export const stored =
  (checksum: Uint8Array): Step =>
  (response) => {
    const base64 = Buffer.from(checksum).toString('base64');
    response.writeHead(200, { etag: '"1"', 'x-amz-checksum-sha256': base64 }).end();
  };
export const hangUp: Step = (response) => response.destroy();

export interface SeenRequest {
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  bytes: number;
}

/** A store whose S3 does with each request what `next` says, and what it was asked for. */
export interface ScriptedS3 {
  /** Patient enough for any machine. */
  store: ObjectStore;
  /** One that waits so long for each answer. */
  storeWith: (timeoutMs: number) => ObjectStore;
  /** Steps to come; without one the connection ends. */
  script: Step[];
  requests: SeenRequest[];
  /** Expects that these requests came, and that the script has been played to its end. */
  expectRequests: (...methods: string[]) => void;
  close: () => Promise<void>;
}

export const startScriptedS3 = async (): Promise<ScriptedS3> => {
  const server = createServer((request, response) => {
    const { method = '', url = '', headers } = request;
    const seen = { method, url, headers, bytes: 0 };
    request.on('data', (chunk: Uint8Array) => {
      seen.bytes += chunk.length;
    });
    request.on('end', () => {
      s3.requests.push(seen);
      (s3.script.shift() ?? hangUp)(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const client = new S3Client({
    ...s3ClientOptions(`http://127.0.0.1:${port}`),
    region: 'eu-west-1',
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    maxAttempts: 2,
  });
  const limits = { ...S3_LIMITS, attemptsMax: 3, backoffMs: 1, objectBytesMax: 5000 };
  const storeWith = (timeoutMs: number) =>
    s3ObjectStore(client, 'bucket', { ...limits, timeoutMs });
  const s3: ScriptedS3 = {
    store: storeWith(60_000),
    storeWith,
    script: [],
    requests: [],
    expectRequests: (...methods) => {
      expect(s3.requests.map(({ method }) => method)).toEqual(methods);
      expect(s3.script).toHaveLength(0);
    },
    close: async () => {
      client.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
  return s3;
};
