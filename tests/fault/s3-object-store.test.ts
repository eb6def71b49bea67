import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ObjectStore } from '../../lib/ports/object-store.ts';
import {
  answer,
  BYTES,
  code,
  error,
  hangUp,
  type ScriptedS3,
  SHA256,
  type Step,
  startScriptedS3,
  stored,
} from '../support/scripted-s3.ts';

const object = answer(200, { etag: '"1"' }, BYTES);
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
  let s3: ScriptedS3;
  beforeEach(async () => {
    s3 = await startScriptedS3();
  });
  afterEach(() => s3.close());

  describe('put', () => {
    it('sends the digest it was given, once for signature and checksum, and nothing else', async () => {
      s3.script = [answer(200), answer(200)];
      const given = new Uint8Array(32).fill(1);
      await s3.store.put('a/key', BYTES, given);
      await s3.store.put('a/key', BYTES);
      s3.expectRequests('PUT', 'PUT');
      const [first, second] = s3.requests;
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
      s3.script = [error(500, 'InternalError'), error(412, 'PreconditionFailed'), stored(SHA256)];
      await s3.store.put('key', BYTES);
      s3.expectRequests('PUT', 'PUT', 'HEAD');
      expect(s3.requests[2]?.headers['x-amz-checksum-mode']).toBe('ENABLED');
    });

    it('fails with object-exists when other bytes are stored', async () => {
      s3.script = [error(412, 'PreconditionFailed'), stored(new Uint8Array(32))];
      await expect(s3.store.put('key', BYTES)).rejects.toThrow(code('store.object-exists'));
      s3.script = [error(412, 'PreconditionFailed'), answer(200, { etag: '"1"' })];
      await expect(s3.store.put('key', BYTES)).rejects.toThrow(code('store.object-exists'));
      s3.expectRequests('PUT', 'HEAD', 'PUT', 'HEAD');
    });

    it('is repeated when what met it is gone again', async () => {
      s3.script = [error(412, 'PreconditionFailed'), answer(404), answer(200)];
      await s3.store.put('key', BYTES);
      s3.expectRequests('PUT', 'HEAD', 'PUT');
    });

    it('is repeated after a conflict of writers, as often as the limits allow', async () => {
      s3.script = [error(409, 'ConditionalRequestConflict'), answer(200)];
      await s3.store.put('key', BYTES);
      s3.expectRequests('PUT', 'PUT');
      s3.script = Array.from({ length: 3 }, () => error(409, 'ConditionalRequestConflict'));
      await expect(s3.store.put('key', BYTES)).rejects.toThrow(code('store.unavailable'));
      s3.expectRequests('PUT', 'PUT', 'PUT', 'PUT', 'PUT');
    });

    it('succeeds when it was stored, though no answer ever came', async () => {
      s3.script = [hangUp, hangUp, stored(SHA256)];
      await s3.store.put('key', BYTES);
      s3.expectRequests('PUT', 'PUT', 'HEAD');
    });

    it('is unavailable after failures of the service, when nothing is stored', async () => {
      s3.script = [error(500, 'InternalError'), error(503, 'SlowDown'), answer(404)];
      await expect(s3.store.put('key', BYTES)).rejects.toThrow(code('store.unavailable'));
      s3.expectRequests('PUT', 'PUT', 'HEAD');
    });

    it('is unavailable when that cannot be told, and keeps the first cause', async () => {
      s3.script = [error(500, 'InternalError'), error(500, 'InternalError'), error(403, 'x')];
      await expect(s3.store.put('key', BYTES)).rejects.toMatchObject({
        code: 'store.unavailable',
        cause: { name: 'InternalError' },
      });
      s3.expectRequests('PUT', 'PUT', 'HEAD');
      s3.script = [error(412, 'PreconditionFailed'), error(403, 'AccessDenied')];
      await expect(s3.store.put('key', BYTES)).rejects.toThrow(code('store.denied'));
    });

    it('is denied at once', async () => {
      s3.script = [error(403, 'AccessDenied')];
      await expect(s3.store.put('key', BYTES)).rejects.toThrow(code('store.denied'));
      s3.expectRequests('PUT');
    });

    it('is unavailable in a bucket that is missing', async () => {
      s3.script = [error(404, 'NoSuchBucket'), answer(404)];
      await expect(s3.store.put('key', BYTES)).rejects.toThrow(code('store.unavailable'));
    });

    it('ends when there is no answer', async () => {
      s3.script = [silence, stored(SHA256)];
      await s3.storeWith(3000).put('key', BYTES);
      s3.expectRequests('PUT', 'HEAD');
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
        s3.script = [step];
        await expect(read(s3.store)).rejects.toThrow(code(name));
        expect(s3.script).toHaveLength(0);
      }
    });

    it('proves that the bucket is there before a key is called missing', async () => {
      s3.script = [answer(404), answer(200)];
      await expect(s3.store.head('key')).rejects.toThrow(code('store.object-missing'));
      s3.script = [answer(404), answer(404)];
      await expect(s3.store.head('key')).rejects.toThrow(code('store.unavailable'));
      s3.script = [answer(404), answer(403)];
      await expect(s3.store.head('key')).rejects.toThrow(code('store.denied'));
      s3.script = [answer(403)];
      await expect(s3.store.head('key')).rejects.toThrow(code('store.denied'));
      expect(s3.requests.map(({ url }) => url)).toEqual([
        ...Array.from({ length: 3 }, () => ['/bucket/key', '/bucket/']).flat(),
        '/bucket/key',
      ]);
    });

    it('asks again for a body that breaks off', async () => {
      s3.script = [cutOff, error(500, 'InternalError'), cutOff, object];
      expect(Buffer.from((await s3.store.get('key')).bytes).equals(BYTES)).toBe(true);
      s3.expectRequests('GET', 'GET', 'GET', 'GET');
    });

    it('gives up on bodies that always break off, or end in silence', async () => {
      s3.script = [cutOff, cutOff, cutOff];
      await expect(s3.store.get('key')).rejects.toThrow(code('store.unavailable'));
      s3.expectRequests('GET', 'GET', 'GET');
      s3.script = [stall, stall, stall];
      await expect(s3.storeWith(2000).get('key')).rejects.toThrow(code('store.unavailable'));
      expect(s3.script).toHaveLength(0);
    });

    it('reads nothing larger than any object that is written', async () => {
      s3.script = [answer(200, { etag: '"1"' }, new Uint8Array(5001))];
      await expect(s3.store.get('key')).rejects.toThrow(code('format.malformed'));
      s3.expectRequests('GET');
    });

    it.each([
      ['the whole object', object],
      ['another range', answer(206, { 'content-range': 'bytes 1-10/1000' }, new Uint8Array(10))],
      ['fewer bytes', answer(206, { 'content-range': 'bytes 0-8/1000' }, new Uint8Array(9))],
    ])('refuses %s in place of a range', async (_, step) => {
      s3.script = [step];
      await expect(s3.store.getRange('key', 0, 10)).rejects.toThrow(code('store.unavailable'));
      s3.script = [step];
      await expect(s3.store.getTail('key', 10)).rejects.toThrow(code('store.unavailable'));
    });

    it('refuses a range whose length is not what it says', async () => {
      const step = answer(206, { 'content-range': 'bytes 0-9/1000' }, new Uint8Array(9));
      s3.script = [step, step, step];
      await expect(s3.store.getRange('key', 0, 10)).rejects.toThrow(code('store.unavailable'));
      expect(s3.script).toHaveLength(0);
    });

    it('sends the version it wants, and says when it is gone', async () => {
      s3.script = [error(412, 'PreconditionFailed')];
      await expect(s3.store.getRange('key', 0, 10, '"1"')).rejects.toThrow(
        code('store.object-changed'),
      );
      s3.script = [error(416, 'InvalidRange'), answer(412)];
      await expect(s3.store.getRange('key', 5000, 6000, '"1"')).rejects.toThrow(
        code('store.object-changed'),
      );
      expect(s3.requests.map(({ headers }) => headers['if-match'])).toEqual(['"1"', '"1"', '"1"']);
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
      for await (const { key } of s3.store.list('p/')) keys.push(key);
      return keys;
    };
    const more = (token: string) =>
      `<IsTruncated>true</IsTruncated><NextContinuationToken>${token}</NextContinuationToken>`;

    it('follows the pages', async () => {
      s3.script = [page(more('t1'), 'p/a'), page(more('t2'), 'p/b'), page('', 'p/c')];
      expect(await all()).toEqual(['p/a', 'p/b', 'p/c']);
      expect(s3.requests.map(({ url }) => /continuation-token=(\w+)/.exec(url)?.[1])).toEqual([
        undefined,
        't1',
        't2',
      ]);
    });

    it('fails when a page fails, or does not say how to go on', async () => {
      s3.script = [page(more('t1'), 'p/a'), error(404, 'NoSuchBucket')];
      await expect(all()).rejects.toThrow(code('store.unavailable'));
      s3.script = [error(403, 'AccessDenied')];
      await expect(all()).rejects.toThrow(code('store.denied'));
      s3.script = [page('<IsTruncated>true</IsTruncated>', 'p/a')];
      await expect(all()).rejects.toThrow(code('store.unavailable'));
      s3.requests = [];
      s3.script = [page(more('t1'), 'p/a'), page(more('t1'), 'p/a')];
      await expect(all()).rejects.toThrow(code('store.unavailable'));
      s3.expectRequests('GET', 'GET');
    });
  });
});
