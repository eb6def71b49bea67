import { createHash } from 'node:crypto';
import {
  createServer,
  type IncomingHttpHeaders,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { S3Client } from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { s3ClientOptions, s3ObjectStore } from '../../lib/adapters/aws/s3-object-store.ts';
import { S3_LIMITS } from '../../lib/adapters/aws/s3-requests.ts';
import type { ObjectStore } from '../../lib/ports/object-store.ts';
import { someBytes } from '../support/some-stored.ts';

/** What the server does with one request: an answer, or something worse. */
type Step = (response: ServerResponse) => void;

const BYTES = someBytes('object', 1000);
const SHA256 = createHash('sha256').update(BYTES).digest();
const code = (name: string) => expect.objectContaining({ code: name });

const answer =
  (status: number, headers: Record<string, string> = {}, body: Uint8Array | string = ''): Step =>
  (response) => {
    response.writeHead(status, { 'content-length': Buffer.byteLength(body), ...headers });
    response.end(body);
  };
const error = (status: number, name: string): Step =>
  answer(status, {}, `<Error><Code>${name}</Code><Message>no</Message></Error>`);
const stored =
  (checksum: Uint8Array): Step =>
  (response) => {
    const base64 = Buffer.from(checksum).toString('base64');
    response.writeHead(200, { etag: '"1"', 'x-amz-checksum-sha256': base64 }).end();
  };
const object = answer(200, { etag: '"1"' }, BYTES);
const hangUp: Step = (response) => response.destroy();
/** Half of the body, then the connection ends. */
const cutOff: Step = (response) => {
  response.writeHead(200, { 'content-length': BYTES.length, etag: '"1"' });
  response.write(BYTES.subarray(0, 500), () => response.destroy());
};
/** Half of the body, then nothing. */
const stall: Step = (response) => {
  response.writeHead(200, { 'content-length': BYTES.length, etag: '"1"' });
  response.write(BYTES.subarray(0, 500));
};
const silence: Step = () => {};

describe('s3ObjectStore, when S3 answers in its worse ways', () => {
  let server: Server;
  let client: S3Client;
  let store: ObjectStore;
  let script: Step[];
  let requests: { method: string; url: string; headers: IncomingHttpHeaders; bytes: number }[];

  const expectRequests = (...methods: string[]) => {
    expect(requests.map(({ method }) => method)).toEqual(methods);
    expect(script).toHaveLength(0);
  };

  beforeEach(async () => {
    script = [];
    requests = [];
    server = createServer((request, response) => {
      const { method = '', url = '', headers } = request;
      const seen = { method, url, headers, bytes: 0 };
      request.on('data', (chunk: Uint8Array) => {
        seen.bytes += chunk.length;
      });
      request.on('end', () => {
        requests.push(seen);
        (script.shift() ?? hangUp)(response);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    client = new S3Client({
      ...s3ClientOptions(`http://127.0.0.1:${port}`),
      region: 'eu-west-1',
      credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
      maxAttempts: 2,
    });
    const limits = { ...S3_LIMITS, attemptsMax: 3, backoffMs: 1, timeoutMs: 1000 };
    store = s3ObjectStore(client, 'bucket', { ...limits, objectBytesMax: 5000 });
  });

  afterEach(async () => {
    client.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => {
      server.close(resolve);
    });
  });

  describe('put', () => {
    it('sends the digest it was given, once for signature and checksum, and nothing else', async () => {
      script = [answer(200), answer(200)];
      const given = new Uint8Array(32).fill(1);
      await store.put('a/key', BYTES, given);
      await store.put('a/key', BYTES);
      expectRequests('PUT', 'PUT');
      const [first, second] = requests;
      expect(first).toMatchObject({ url: '/bucket/a/key?x-id=PutObject', bytes: 1000 });
      expect(first?.headers).toMatchObject({
        'if-none-match': '*',
        'x-amz-content-sha256': Buffer.from(given).toString('hex'),
        'x-amz-checksum-sha256': Buffer.from(given).toString('base64'),
        'content-length': '1000',
      });
      expect(second?.headers['x-amz-content-sha256']).toBe(SHA256.toString('hex'));
      const names = Object.keys(first?.headers ?? {});
      expect(names.filter((name) => /crc|expect|trailer|transfer-encoding/.test(name))).toEqual([]);
    });

    it('is settled by what is stored when its own retry meets 412', async () => {
      script = [error(500, 'InternalError'), error(412, 'PreconditionFailed'), stored(SHA256)];
      await store.put('key', BYTES);
      expectRequests('PUT', 'PUT', 'HEAD');
      expect(requests[2]?.headers['x-amz-checksum-mode']).toBe('ENABLED');
    });

    it('fails with object-exists when other bytes are stored', async () => {
      script = [error(412, 'PreconditionFailed'), stored(new Uint8Array(32))];
      await expect(store.put('key', BYTES)).rejects.toThrow(code('store.object-exists'));
      script = [error(412, 'PreconditionFailed'), answer(200, { etag: '"1"' })];
      await expect(store.put('key', BYTES)).rejects.toThrow(code('store.object-exists'));
      expectRequests('PUT', 'HEAD', 'PUT', 'HEAD');
    });

    it('is repeated when what met it is gone again', async () => {
      script = [error(412, 'PreconditionFailed'), answer(404), answer(200)];
      await store.put('key', BYTES);
      expectRequests('PUT', 'HEAD', 'PUT');
    });

    it('is repeated after a conflict of writers, as often as the limits allow', async () => {
      script = [error(409, 'ConditionalRequestConflict'), answer(200)];
      await store.put('key', BYTES);
      expectRequests('PUT', 'PUT');
      script = Array.from({ length: 3 }, () => error(409, 'ConditionalRequestConflict'));
      await expect(store.put('key', BYTES)).rejects.toThrow(code('store.unavailable'));
      expectRequests('PUT', 'PUT', 'PUT', 'PUT', 'PUT');
    });

    it('succeeds when it was stored, though no answer ever came', async () => {
      script = [hangUp, hangUp, stored(SHA256)];
      await store.put('key', BYTES);
      expectRequests('PUT', 'PUT', 'HEAD');
    });

    it('is unavailable after failures of the service, when nothing is stored', async () => {
      script = [error(500, 'InternalError'), error(503, 'SlowDown'), answer(404)];
      await expect(store.put('key', BYTES)).rejects.toThrow(code('store.unavailable'));
      expectRequests('PUT', 'PUT', 'HEAD');
    });

    it('is unavailable when that cannot be told, and keeps the first cause', async () => {
      script = [error(500, 'InternalError'), error(500, 'InternalError'), error(403, 'x')];
      await expect(store.put('key', BYTES)).rejects.toMatchObject({
        code: 'store.unavailable',
        cause: { name: 'InternalError' },
      });
      expectRequests('PUT', 'PUT', 'HEAD');
      script = [error(412, 'PreconditionFailed'), error(403, 'AccessDenied')];
      await expect(store.put('key', BYTES)).rejects.toThrow(code('store.denied'));
    });

    it('is denied at once', async () => {
      script = [error(403, 'AccessDenied')];
      await expect(store.put('key', BYTES)).rejects.toThrow(code('store.denied'));
      expectRequests('PUT');
    });

    it('is unavailable in a bucket that is missing', async () => {
      script = [error(404, 'NoSuchBucket'), answer(404)];
      await expect(store.put('key', BYTES)).rejects.toThrow(code('store.unavailable'));
    });

    it('ends when there is no answer', async () => {
      script = [silence, stored(SHA256)];
      await store.put('key', BYTES);
      expectRequests('PUT', 'HEAD');
    });
  });

  describe('replace', () => {
    it('is conditional on the version, and sends the digest it was given', async () => {
      script = [answer(200)];
      await store.replace('key', BYTES, '"7"', new Uint8Array(32).fill(1));
      expectRequests('PUT');
      const { headers } = requests[0]!;
      expect(headers).toMatchObject({
        'if-match': '"7"',
        'x-amz-content-sha256': Buffer.alloc(32, 1).toString('hex'),
      });
      expect(headers['if-none-match']).toBeUndefined();
    });

    it('is settled by what is stored, whatever the answer was', async () => {
      script = [error(412, 'PreconditionFailed'), stored(SHA256)];
      await store.replace('key', BYTES, '"1"');
      script = [hangUp, hangUp, stored(SHA256)];
      await store.replace('key', BYTES, '"1"');
      script = [error(404, 'NoSuchKey'), stored(SHA256)];
      await store.replace('key', BYTES, '"1"');
      expectRequests('PUT', 'HEAD', 'PUT', 'PUT', 'HEAD', 'PUT', 'HEAD');
    });

    it('fails with object-changed when another version is stored, or none', async () => {
      const changed = code('store.object-changed');
      script = [error(412, 'PreconditionFailed'), stored(new Uint8Array(32))];
      await expect(store.replace('key', BYTES, '"1"')).rejects.toThrow(changed);
      script = [error(404, 'NoSuchKey'), answer(404)];
      await expect(store.replace('key', BYTES, '"1"')).rejects.toThrow(changed);
      expectRequests('PUT', 'HEAD', 'PUT', 'HEAD');
    });

    it('is repeated after a conflict of writers, as often as the limits allow', async () => {
      const conflict = error(409, 'ConditionalRequestConflict');
      const other = stored(new Uint8Array(32));
      script = [conflict, other, answer(200)];
      await store.replace('key', BYTES, '"1"');
      script = [conflict, other, conflict, other, conflict, other];
      const replacing = store.replace('key', BYTES, '"1"');
      await expect(replacing).rejects.toThrow(code('store.unavailable'));
      expect(script).toHaveLength(0);
    });

    it('is unavailable when it cannot be told, in a missing bucket, and denied at once', async () => {
      const unavailable = code('store.unavailable');
      script = [error(500, 'InternalError'), error(500, 'InternalError'), error(403, 'x')];
      await expect(store.replace('key', BYTES, '"1"')).rejects.toThrow(unavailable);
      script = [error(412, 'PreconditionFailed'), error(403, 'x')];
      await expect(store.replace('key', BYTES, '"1"')).rejects.toThrow(
        code('store.object-changed'),
      );
      script = [error(404, 'NoSuchBucket'), answer(404)];
      await expect(store.replace('key', BYTES, '"1"')).rejects.toThrow(unavailable);
      script = [error(403, 'AccessDenied')];
      await expect(store.replace('key', BYTES, '"1"')).rejects.toThrow(code('store.denied'));
    });
  });

  describe('delete', () => {
    const deleted = (...errors: [key: string, name: string][]): Step => {
      const items = errors.map(
        ([key, name]) => `<Error><Key>${key}</Key><Code>${name}</Code></Error>`,
      );
      return answer(200, {}, `<DeleteResult>${items.join('')}</DeleteResult>`);
    };

    it('repeats only the keys that failed', async () => {
      script = [deleted(['b', 'InternalError']), deleted()];
      await store.delete(['a', 'b']);
      expectRequests('POST', 'POST');
      expect(requests[1]!.bytes).toBeLessThan(requests[0]!.bytes);
    });

    it('tries all pages, and then fails with what was denied or would not go', async () => {
      const keys = Array.from({ length: 1001 }, (_, n) => `${n}`);
      script = [deleted(['5', 'InternalError'], ['7', 'AccessDenied']), deleted()];
      await expect(store.delete(keys)).rejects.toMatchObject({
        code: 'store.denied',
        details: { key: '7' },
      });
      expectRequests('POST', 'POST');
      script = Array.from({ length: 3 }, () => deleted(['a', 'InternalError']));
      await expect(store.delete(['a'])).rejects.toThrow(code('store.unavailable'));
      script = [error(403, 'AccessDenied')];
      await expect(store.delete(['a'])).rejects.toThrow(code('store.denied'));
      script = [error(500, 'InternalError'), error(500, 'InternalError')];
      await expect(store.delete(['a'])).rejects.toThrow(code('store.unavailable'));
      script = [error(404, 'NoSuchBucket')];
      await expect(store.delete(['a'])).rejects.toThrow(code('store.unavailable'));
      expect(script).toHaveLength(0);
    });

    it('is repeated when its answer is lost', async () => {
      script = [hangUp, deleted()];
      await store.delete(['a']);
      expectRequests('POST', 'POST');
    });
  });

  describe('reading', () => {
    const reads: [string, (from: ObjectStore) => Promise<unknown>][] = [
      ['get', (from) => from.get('key')],
      ['getRange', (from) => from.getRange('key', 0, 10)],
      ['getTail', (from) => from.getTail('key', 10)],
    ];

    it.each(reads)('%s takes only NoSuchKey for absence', async (_, read) => {
      for (const [step, name] of [
        [error(404, 'NoSuchKey'), 'store.object-missing'],
        [error(404, 'NoSuchBucket'), 'store.unavailable'],
        [answer(404), 'store.unavailable'],
        [error(403, 'AccessDenied'), 'store.denied'],
        [error(401, 'Unauthorized'), 'store.denied'],
      ] as const) {
        script = [step];
        await expect(read(store)).rejects.toThrow(code(name));
        expect(script).toHaveLength(0);
      }
    });

    it('proves that the bucket is there before a key is called missing', async () => {
      script = [answer(404), answer(200)];
      await expect(store.head('key')).rejects.toThrow(code('store.object-missing'));
      script = [answer(404), answer(404)];
      await expect(store.head('key')).rejects.toThrow(code('store.unavailable'));
      script = [answer(404), answer(403)];
      await expect(store.head('key')).rejects.toThrow(code('store.denied'));
      script = [answer(403)];
      await expect(store.head('key')).rejects.toThrow(code('store.denied'));
      expect(requests.map(({ url }) => url)).toEqual([
        ...Array.from({ length: 3 }, () => ['/bucket/key', '/bucket/']).flat(),
        '/bucket/key',
      ]);
    });

    it('asks again for a body that breaks off', async () => {
      script = [cutOff, error(500, 'InternalError'), cutOff, object];
      expect(Buffer.from((await store.get('key')).bytes).equals(BYTES)).toBe(true);
      expectRequests('GET', 'GET', 'GET', 'GET');
    });

    it('gives up on bodies that always break off, or end in silence', async () => {
      script = [cutOff, cutOff, cutOff];
      await expect(store.get('key')).rejects.toThrow(code('store.unavailable'));
      expectRequests('GET', 'GET', 'GET');
      script = [stall, stall, stall];
      await expect(store.get('key')).rejects.toThrow(code('store.unavailable'));
      expect(script).toHaveLength(0);
    });

    it('reads nothing larger than any object that is written', async () => {
      script = [answer(200, { etag: '"1"' }, new Uint8Array(5001))];
      await expect(store.get('key')).rejects.toThrow(code('format.malformed'));
      expectRequests('GET');
    });

    it.each([
      ['the whole object', object],
      ['another range', answer(206, { 'content-range': 'bytes 1-10/1000' }, new Uint8Array(10))],
      ['fewer bytes', answer(206, { 'content-range': 'bytes 0-8/1000' }, new Uint8Array(9))],
    ])('refuses %s in place of a range', async (_, step) => {
      script = [step];
      await expect(store.getRange('key', 0, 10)).rejects.toThrow(code('store.unavailable'));
      script = [step];
      await expect(store.getTail('key', 10)).rejects.toThrow(code('store.unavailable'));
    });

    it('refuses a range whose length is not what it says', async () => {
      const step = answer(206, { 'content-range': 'bytes 0-9/1000' }, new Uint8Array(9));
      script = [step, step, step];
      await expect(store.getRange('key', 0, 10)).rejects.toThrow(code('store.unavailable'));
      expect(script).toHaveLength(0);
    });

    it('sends the version it wants, and says when it is gone', async () => {
      script = [error(412, 'PreconditionFailed')];
      await expect(store.getRange('key', 0, 10, '"1"')).rejects.toThrow(
        code('store.object-changed'),
      );
      script = [error(416, 'InvalidRange'), answer(412)];
      await expect(store.getRange('key', 5000, 6000, '"1"')).rejects.toThrow(
        code('store.object-changed'),
      );
      expect(requests.map(({ headers }) => headers['if-match'])).toEqual(['"1"', '"1"', '"1"']);
    });
  });

  describe('list', () => {
    const page = (more: string, key: string) =>
      answer(
        200,
        {},
        `<ListBucketResult><Contents><Key>${key}</Key><Size>1</Size></Contents>${more}</ListBucketResult>`,
      );
    const all = async () => {
      const keys: string[] = [];
      for await (const { key } of store.list('p/')) keys.push(key);
      return keys;
    };
    const more = (token: string) =>
      `<IsTruncated>true</IsTruncated><NextContinuationToken>${token}</NextContinuationToken>`;

    it('follows the pages', async () => {
      script = [page(more('t1'), 'p/a'), page(more('t2'), 'p/b'), page('', 'p/c')];
      expect(await all()).toEqual(['p/a', 'p/b', 'p/c']);
      expect(requests.map(({ url }) => /continuation-token=(\w+)/.exec(url)?.[1])).toEqual([
        undefined,
        't1',
        't2',
      ]);
    });

    it('fails when a page fails, or does not say how to go on', async () => {
      script = [page(more('t1'), 'p/a'), error(404, 'NoSuchBucket')];
      await expect(all()).rejects.toThrow(code('store.unavailable'));
      script = [error(403, 'AccessDenied')];
      await expect(all()).rejects.toThrow(code('store.denied'));
      script = [page('<IsTruncated>true</IsTruncated>', 'p/a')];
      await expect(all()).rejects.toThrow(code('store.unavailable'));
      requests = [];
      script = [page(more('t1'), 'p/a'), page(more('t1'), 'p/a')];
      await expect(all()).rejects.toThrow(code('store.unavailable'));
      expectRequests('GET', 'GET');
    });
  });
});
