import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { GetObjectCommand, HeadBucketCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { someBytes } from '../support/some-stored.ts';
import { s3ListingSuite } from './s3-api-listing.suite.ts';
import {
  type ConnectedS3,
  failure,
  type S3Requests,
  STRANGE_KEYS,
  s3Requests,
} from './s3-api-requests.ts';
import { s3WritesSuite } from './s3-api-writes.suite.ts';

/**
 * What Holdfast relies on of the S3 API, over the wire. It needs a bucket, and leaves nothing there
 * but objects below a prefix of its own.
 */
export const s3ApiSuite = (name: string, connect: () => Promise<ConnectedS3>): void => {
  describe(name, () => {
    let connected: ConnectedS3;
    beforeAll(async () => {
      connected = await connect();
    });
    afterAll(() => connected.close());

    const s3 = s3Requests(() => connected, `conformance/${randomUUID()}/`);
    describe('objects', () => objects(s3));
    describe('ranges', () => ranges(s3));
    describe('conditions of reads', () => conditions(s3));
    s3WritesSuite(s3);
    s3ListingSuite(s3);
  });
};

const objects = (s3: S3Requests): void => {
  it.each([0, 1, 2 ** 16 + 1, 5 * 2 ** 20 + 3])('give back %i bytes', async (size) => {
    const [key, bytes] = [s3.newKey(), someBytes(`${size}`, size)];
    const { ETag } = await s3.put(key, bytes);
    expect(ETag).toMatch(/^".+"$/);
    const read = await s3.get(key);
    expect(read.bytes.equals(bytes)).toBe(true);
    const head = await s3.head(key);
    for (const answer of [read, head]) {
      expect(answer).toMatchObject({ ContentLength: size, ETag, AcceptRanges: 'bytes' });
      expect(Math.abs(Number(answer.LastModified) - Date.now())).toBeLessThan(120_000);
    }
  });

  it.each([...STRANGE_KEYS, 'x'.repeat(900)])('have the key %s and no other', async (name) => {
    const key = `${s3.prefix}strange/${name}`;
    await s3.put(key, Buffer.from(name));
    expect((await s3.get(key)).bytes.toString()).toBe(name);
    await s3.remove(key);
    await expect(s3.get(key)).rejects.toThrow(failure('NoSuchKey', 404));
  });

  it('keep what is said of them', async () => {
    const key = s3.newKey();
    const said = {
      ContentType: 'text/x-test; charset=utf-8',
      ContentEncoding: 'identity',
      CacheControl: 'max-age=5',
      ContentDisposition: 'attachment; filename="f"',
      ContentLanguage: 'de',
      Metadata: { one: '1', 'two-words': 'some text' },
      StorageClass: 'STANDARD_IA' as const,
    };
    await s3.put(key, 'bytes', said);
    expect(await s3.get(key)).toMatchObject(said);
    expect(await s3.head(key)).toMatchObject(said);
    await s3.put(key, 'other');
    const { ContentType, Metadata, CacheControl, StorageClass } = await s3.head(key);
    expect({ ContentType, Metadata, CacheControl, StorageClass }).toEqual({
      ContentType: 'application/octet-stream',
      Metadata: {},
      CacheControl: undefined,
      StorageClass: undefined,
    });
  });

  it('are replaced whole, and get another ETag even with the same bytes elsewhere', async () => {
    const key = s3.newKey();
    const first = await s3.put(key, someBytes('long', 5000));
    const second = await s3.put(key, someBytes('short', 50));
    expect(second.ETag).not.toBe(first.ETag);
    expect((await s3.get(key)).bytes.equals(someBytes('short', 50))).toBe(true);
  });

  it('are read whole while they are replaced', async () => {
    const key = s3.newKey();
    const versions = ['a', 'b', 'c'].map((letter) => Buffer.alloc(300_000, letter));
    await s3.put(key, versions[0] ?? '');
    const writes = Array.from({ length: 12 }, (_, n) => s3.put(key, versions[n % 3] ?? ''));
    const reads = Array.from({ length: 24 }, async () => (await s3.get(key)).bytes);
    for (const bytes of await Promise.all(reads)) {
      expect(versions.some((version) => version.equals(bytes))).toBe(true);
    }
    await Promise.all(writes);
  });

  it('are taken from a stream whose checksum comes last', async () => {
    const [key, bytes] = [s3.newKey(), someBytes('stream', 700_001)];
    const Body = Readable.from(
      [0, 1, 65_536, 400_000].map((from, at, all) => bytes.subarray(from, all[at + 1])),
      { objectMode: false },
    );
    await s3.put(key, Body, { ContentLength: bytes.length, ChecksumAlgorithm: 'SHA256' });
    const read = await s3.get(key, { ChecksumMode: 'ENABLED' });
    expect(read.bytes.equals(bytes)).toBe(true);
    expect(read.ContentEncoding).toBeUndefined();
    expect(read.ChecksumSHA256).toMatch(/=$/);
  });

  it('are missing apart from their bucket', async () => {
    const { client, bucket } = s3.connection();
    const Bucket = `holdfast-missing-${randomUUID()}`;
    await expect(client.send(new GetObjectCommand({ Bucket, Key: 'key' }))).rejects.toThrow(
      failure('NoSuchBucket', 404),
    );
    await expect(client.send(new HeadBucketCommand({ Bucket }))).rejects.toThrow(
      failure('NotFound', 404),
    );
    await client.send(new HeadBucketCommand({ Bucket: bucket }));
    await expect(s3.get(s3.newKey())).rejects.toThrow(failure('NoSuchKey', 404));
    await expect(s3.head(s3.newKey())).rejects.toThrow(failure('NotFound', 404));
  });
};

const ranges = (s3: S3Requests): void => {
  const bytes = Buffer.from(someBytes('range', 1000));
  let key: string;
  beforeAll(async () => {
    key = s3.newKey();
    await s3.put(key, bytes, { ChecksumAlgorithm: 'SHA256' });
  });

  it.each([
    ['bytes=0-0', 0, 1],
    ['bytes=10-19', 10, 20],
    ['bytes=990-', 990, 1000],
    ['bytes=0-', 0, 1000],
    ['bytes=999-5000', 999, 1000],
    ['bytes=-1', 999, 1000],
    ['bytes=-5000', 0, 1000],
  ])('give %s', async (Range, from, to) => {
    const read = await s3.get(key, { Range });
    expect(read.bytes.equals(bytes.subarray(from, to))).toBe(true);
    expect(read).toMatchObject({
      ContentLength: to - from,
      ContentRange: `bytes ${from}-${to - 1}/1000`,
      $metadata: { httpStatusCode: 206 },
    });
  });

  it.each(['bytes=1000-', 'bytes=1000-1001', 'bytes=-0'])('refuse %s', async (Range) => {
    await expect(s3.get(key, { Range })).rejects.toThrow(failure('InvalidRange', 416));
  });

  it.each(['bytes=5-3', 'bytes=x-y', 'lines=1-2'])('ignore %s', async (Range) => {
    const { $metadata, ContentLength, ContentRange } = await s3.get(key, { Range });
    expect([$metadata.httpStatusCode, ContentLength, ContentRange]).toEqual([200, 1000, undefined]);
  });

  it('are none of an empty object', async () => {
    const empty = s3.newKey();
    await s3.put(empty, new Uint8Array(0));
    await expect(s3.get(empty, { Range: 'bytes=0-' })).rejects.toThrow(
      failure('InvalidRange', 416),
    );
  });
};

const conditions = (s3: S3Requests): void => {
  it('hold or not by the ETag', async () => {
    const key = s3.newKey();
    const { ETag: old } = await s3.put(key, 'old');
    const { ETag } = await s3.put(key, 'new');
    expect((await s3.get(key, { IfMatch: ETag })).bytes.toString()).toBe('new');
    expect((await s3.get(key, { IfMatch: '*' })).bytes.toString()).toBe('new');
    expect((await s3.get(key, { IfNoneMatch: old })).bytes.toString()).toBe('new');
    expect((await s3.head(key, { IfMatch: ETag })).ETag).toBe(ETag);
    await expect(s3.get(key, { IfMatch: old })).rejects.toThrow(failure('PreconditionFailed', 412));
    await expect(s3.get(key, { IfMatch: old, Range: 'bytes=0-0' })).rejects.toThrow(
      failure('PreconditionFailed', 412),
    );
    await expect(s3.get(key, { IfNoneMatch: ETag })).rejects.toThrow(
      expect.objectContaining({ $metadata: expect.objectContaining({ httpStatusCode: 304 }) }),
    );
    await expect(s3.head(key, { IfMatch: old })).rejects.toThrow(
      expect.objectContaining({ $metadata: expect.objectContaining({ httpStatusCode: 412 }) }),
    );
  });
};
