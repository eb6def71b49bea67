import { createHash, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandInput,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { someBytes } from '../support/some-stored.ts';

export interface ConnectedApi {
  client: S3Client;
  /** A bucket that exists. */
  bucket: string;
  close(): Promise<void>;
}

const STALE_ETAG = '"00000000000000000000000000000000"';
const base64 = (algorithm: string, bytes: Uint8Array) =>
  createHash(algorithm).update(bytes).digest('base64');
const crc32Of = (bytes: Uint8Array) => {
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(bytes));
  return sum.toString('base64');
};
/** A refusal: its code and its status. */
const refusal = (name: string, httpStatusCode: number) =>
  expect.objectContaining({ name, $metadata: expect.objectContaining({ httpStatusCode }) });

/**
 * The S3 API as far as Holdfast and its tools rely on it, through the SDK: what this suite says of
 * the local server is true of S3. Every key begins with a prefix of its own run.
 */
export function s3ApiSuite(name: string, connect: () => Promise<ConnectedApi>): void {
  describe(name, () => {
    const run = `conformance/${randomUUID()}`;
    let connected: ConnectedApi;
    let client: S3Client;
    let Bucket: string;
    let count = 0;
    const newKey = () => `${run}/${++count}`;
    const put = (Key: string, Body: PutObjectCommandInput['Body'], more = {}) =>
      client.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
    const get = async (Key: string, more = {}) => {
      const answer = await client.send(new GetObjectCommand({ Bucket, Key, ...more }));
      return { ...answer, bytes: Buffer.from((await answer.Body?.transformToByteArray()) ?? []) };
    };
    const head = (Key: string, more = {}) =>
      client.send(new HeadObjectCommand({ Bucket, Key, ...more }));
    const remove = (Key: string, more = {}) =>
      client.send(new DeleteObjectCommand({ Bucket, Key, ...more }));
    const text = async (Key: string) => (await get(Key)).bytes.toString();
    const list = (more: Partial<ListObjectsV2CommandInput>) =>
      client.send(new ListObjectsV2Command({ Bucket, ...more }));

    beforeAll(async () => {
      connected = await connect();
      ({ client, bucket: Bucket } = connected);
    });
    afterAll(() => connected.close());

    it('has the bucket', async () => {
      const { $metadata } = await client.send(new HeadBucketCommand({ Bucket }));
      expect($metadata.httpStatusCode).toBe(200);
      const elsewhere = new HeadBucketCommand({ Bucket: `holdfast-${randomUUID()}` });
      await expect(client.send(elsewhere)).rejects.toThrow(refusal('NotFound', 404));
    });

    describe('put and get', () => {
      it.each([0, 1, 65_536, 3 * 2 ** 20 + 7])('%i bytes', async (size) => {
        const [key, bytes] = [newKey(), someBytes('put and get', size)];
        const { ETag } = await put(key, bytes);
        const found = await get(key);
        expect(found.bytes.equals(bytes)).toBe(true);
        expect(found).toMatchObject({ ETag, ContentLength: size });
        expect(await head(key)).toMatchObject({ ETag, ContentLength: size });
      });

      it('a stream, whose framing is not stored', async () => {
        const [key, bytes] = [newKey(), someBytes('stream', 300_054)];
        const parts = [bytes.subarray(0, 1), bytes.subarray(1, 100_000), bytes.subarray(100_000)];
        await put(key, Readable.from(parts), { ContentLength: bytes.length });
        const found = await get(key);
        expect(found.bytes.equals(bytes)).toBe(true);
        expect(found.ContentEncoding ?? '').toBe('');
      });

      it('gives back what was said of the object', async () => {
        const key = newKey();
        const before = Math.floor(Date.now() / 1000) * 1000 - 60_000;
        await put(key, 'text', {
          ContentType: 'text/x-test; charset=utf-8',
          ContentEncoding: 'x-sealed',
          Metadata: { one: '1', 'two-words': 'a  b' },
          StorageClass: 'STANDARD_IA',
        });
        const said = {
          ContentType: 'text/x-test; charset=utf-8',
          ContentEncoding: 'x-sealed',
          Metadata: { one: '1', 'two-words': expect.stringMatching(/^a +b$/) },
          StorageClass: 'STANDARD_IA',
        };
        const found = await head(key);
        expect(found).toMatchObject(said);
        expect(await get(key)).toMatchObject(said);
        expect(found.LastModified?.getTime()).toBeGreaterThan(before);
        expect(found.LastModified?.getTime()).toBeLessThan(before + 600_000);
      });

      it('replaces the object as a whole', async () => {
        const key = newKey();
        const first = await put(key, 'the first', { Metadata: { old: 'yes' } });
        const second = await put(key, 'second');
        expect(second.ETag).not.toBe(first.ETag);
        const found = await get(key);
        expect(found.bytes.toString()).toBe('second');
        expect(found.Metadata).toEqual({});
      });

      it.each([
        'with space + plus',
        'percent %41 %2F %',
        'ünï-çödé-日本-🙂',
        '../dots/./../.',
        'double//slash///',
        `quotes"'<&>`,
        '!*()~$=@:;,?#[]{}|\\^`',
        'line\nbreak\ttab',
      ])('a key like %j', async (odd) => {
        const key = `${newKey()}/${odd}`;
        await put(key, odd);
        expect(await text(key)).toBe(odd);
        const { Contents = [] } = await list({ Prefix: key });
        expect(Contents.map(({ Key }) => Key)).toEqual([key]);
        await remove(key);
        await expect(get(key)).rejects.toThrow(refusal('NoSuchKey', 404));
      });

      it('says of a missing key, and only of it, that it is missing', async () => {
        const key = newKey();
        await expect(get(key)).rejects.toThrow(refusal('NoSuchKey', 404));
        await expect(head(key)).rejects.toThrow(refusal('NotFound', 404));
        const Missing = `holdfast-${randomUUID()}`;
        const elsewhere = { Bucket: Missing };
        await expect(get(key, elsewhere)).rejects.toThrow(refusal('NoSuchBucket', 404));
        await expect(put(key, '', elsewhere)).rejects.toThrow(refusal('NoSuchBucket', 404));
      });
    });

    describe('ranges', () => {
      const bytes = someBytes('ranges', 1000);
      let key: string;
      beforeAll(async () => {
        key = newKey();
        await put(key, bytes);
      });

      it.each([
        ['bytes=0-0', 0, 1],
        ['bytes=10-19', 10, 20],
        ['bytes=990-', 990, 1000],
        ['bytes=990-5000', 990, 1000],
        ['bytes=-7', 993, 1000],
        ['bytes=-5000', 0, 1000],
      ])('%s', async (Range, from, to) => {
        const found = await get(key, { Range });
        expect(found.bytes.equals(bytes.subarray(from, to))).toBe(true);
        expect(found.ContentRange).toBe(`bytes ${from}-${to - 1}/1000`);
        expect(found.$metadata.httpStatusCode).toBe(206);
        expect((await head(key, { Range })).ContentLength).toBe(to - from);
      });

      it.each(['bytes=1000-', 'bytes=1000-1001', 'bytes=-0'])('refuses %s', async (Range) => {
        await expect(get(key, { Range })).rejects.toThrow(refusal('InvalidRange', 416));
      });

      it('refuses any of an empty object', async () => {
        const empty = newKey();
        await put(empty, '');
        const answer = get(empty, { Range: 'bytes=0-0' });
        await expect(answer).rejects.toThrow(refusal('InvalidRange', 416));
      });
    });

    describe('checksums', () => {
      const bytes = someBytes('checksums', 100_000);

      it('gives back the SHA-256 it was given', async () => {
        const [key, ChecksumSHA256] = [newKey(), base64('sha256', bytes)];
        expect(await put(key, bytes, { ChecksumSHA256 })).toMatchObject({ ChecksumSHA256 });
        const asked = { ChecksumMode: 'ENABLED' };
        const said = { ChecksumSHA256, ChecksumType: 'FULL_OBJECT' };
        expect(await head(key, asked)).toMatchObject(said);
        expect(await get(key, asked)).toMatchObject(said);
        expect((await head(key)).ChecksumSHA256).toBeUndefined();
        const part = await get(key, { ...asked, Range: 'bytes=0-9' });
        expect(part.ChecksumSHA256).toBeUndefined();
      });

      it('gives back the CRC-32 of a buffer and of a stream', async () => {
        const [ofBuffer, ofStream] = [newKey(), newKey()];
        await put(ofBuffer, bytes, { ChecksumAlgorithm: 'CRC32' });
        await put(ofStream, Readable.from([bytes]), {
          ContentLength: bytes.length,
          ChecksumAlgorithm: 'CRC32',
        });
        const said = { ChecksumCRC32: crc32Of(bytes) };
        expect(await head(ofBuffer, { ChecksumMode: 'ENABLED' })).toMatchObject(said);
        expect(await head(ofStream, { ChecksumMode: 'ENABLED' })).toMatchObject(said);
      });

      it('takes a SHA-256 that follows a stream', async () => {
        const key = newKey();
        await put(key, Readable.from([bytes]), {
          ContentLength: bytes.length,
          ChecksumAlgorithm: 'SHA256',
        });
        const found = await head(key, { ChecksumMode: 'ENABLED' });
        expect(found.ChecksumSHA256).toBe(base64('sha256', bytes));
      });

      it.each([
        ['SHA-256', { ChecksumSHA256: base64('sha256', someBytes('other', 1)) }, 'BadDigest'],
        ['CRC-32', { ChecksumCRC32: crc32Of(someBytes('other', 1)) }, 'BadDigest'],
        ['MD5', { ContentMD5: base64('md5', someBytes('other', 1)) }, 'BadDigest'],
        ['SHA-256 of another length', { ChecksumSHA256: 'AAAA' }, 'InvalidRequest'],
        ['MD5 of another length', { ContentMD5: 'AAAA' }, 'InvalidDigest'],
      ])('refuses a wrong %s and stores nothing', async (_what, wrong, code) => {
        const key = newKey();
        await put(key, 'before');
        await expect(put(key, bytes, wrong)).rejects.toThrow(refusal(code, 400));
        expect(await text(key)).toBe('before');
      });

      it('takes a right MD5', async () => {
        const key = newKey();
        await put(key, bytes, { ContentMD5: base64('md5', bytes) });
        expect((await head(key)).ContentLength).toBe(bytes.length);
      });
    });

    describe('conditions', () => {
      const failed = refusal('PreconditionFailed', 412);

      it('of a read', async () => {
        const key = newKey();
        const { ETag } = await put(key, 'text');
        expect((await get(key, { IfMatch: ETag })).bytes.toString()).toBe('text');
        expect((await get(key, { IfNoneMatch: STALE_ETAG })).bytes.toString()).toBe('text');
        await expect(get(key, { IfMatch: STALE_ETAG })).rejects.toThrow(failed);
        const unchanged = expect.objectContaining({
          $metadata: expect.objectContaining({ httpStatusCode: 304 }),
        });
        await expect(get(key, { IfNoneMatch: ETag })).rejects.toThrow(unchanged);
        await expect(head(key, { IfNoneMatch: ETag })).rejects.toThrow(unchanged);
      });

      it('If-None-Match: * lets a key be written once', async () => {
        const key = newKey();
        await put(key, 'first', { IfNoneMatch: '*' });
        await expect(put(key, 'second', { IfNoneMatch: '*' })).rejects.toThrow(failed);
        const large = someBytes('large', 5 * 2 ** 20);
        await expect(put(key, large, { IfNoneMatch: '*' })).rejects.toThrow(failed);
        expect(await text(key)).toBe('first');
        await remove(key);
        await put(key, 'third', { IfNoneMatch: '*' });
        expect(await text(key)).toBe('third');
      });

      it('exactly one of racing writers wins', async () => {
        const key = newKey();
        const bodies = Array.from({ length: 16 }, (_, n) => `writer ${n}`.repeat(2000));
        const race = bodies.map((body) => put(key, body, { IfNoneMatch: '*' }));
        const results = await Promise.allSettled(race);
        const winners = bodies.filter((_, n) => results[n]?.status === 'fulfilled');
        expect(winners).toHaveLength(1);
        expect(await text(key)).toBe(winners[0]);
        const statuses = results.flatMap((result) =>
          result.status === 'rejected' ? [result.reason.$metadata.httpStatusCode] : [],
        );
        // 409 is what S3 may answer to writers that overlap.
        expect(statuses.filter((status) => status !== 412 && status !== 409)).toEqual([]);
      });

      it('If-Match replaces only what is known', async () => {
        const key = newKey();
        const absent = put(key, 'x', { IfMatch: STALE_ETAG });
        await expect(absent).rejects.toThrow(refusal('NoSuchKey', 404));
        const { ETag } = await put(key, 'first');
        await put(key, 'second', { IfMatch: ETag });
        await expect(put(key, 'third', { IfMatch: ETag })).rejects.toThrow(failed);
        expect(await text(key)).toBe('second');
      });

      it('If-Match deletes only what is known', async () => {
        const key = newKey();
        const { ETag } = await put(key, 'first');
        await expect(remove(key, { IfMatch: STALE_ETAG })).rejects.toThrow(failed);
        expect(await text(key)).toBe('first');
        await remove(key, { IfMatch: ETag });
        await expect(remove(key, { IfMatch: ETag })).rejects.toThrow(refusal('NoSuchKey', 404));
      });
    });

    describe('copies', () => {
      const copy = (Key: string, from: string, more = {}) =>
        client.send(
          new CopyObjectCommand({
            Bucket,
            Key,
            CopySource: `${Bucket}/${encodeURIComponent(from)}`,
            ...more,
          }),
        );

      it('bytes, what was said of them, and checksums', async () => {
        const [from, to] = [`${newKey()}/ü ?`, newKey()];
        const ChecksumSHA256 = base64('sha256', Buffer.from('text'));
        await put(from, 'text', { ContentType: 'text/x-a', Metadata: { a: '1' }, ChecksumSHA256 });
        const { CopyObjectResult } = await copy(to, from);
        const found = await get(to, { ChecksumMode: 'ENABLED' });
        expect(found.bytes.toString()).toBe('text');
        const { ETag } = found;
        expect(found).toMatchObject({ ContentType: 'text/x-a', Metadata: { a: '1' } });
        expect(found.ChecksumSHA256).toBe(ChecksumSHA256);
        expect(CopyObjectResult).toMatchObject({ ETag, ChecksumSHA256 });
        await remove(from);
        expect(await text(to)).toBe('text');
      });

      it('with other metadata', async () => {
        const [from, to] = [newKey(), newKey()];
        await put(from, 'text', { ContentType: 'text/x-a', Metadata: { a: '1' } });
        const other = { ContentType: 'text/x-b', Metadata: { b: '2' } };
        await copy(to, from, { MetadataDirective: 'REPLACE', ...other });
        expect((await head(to)).Metadata).toEqual({ b: '2' });
        expect((await head(to)).ContentType).toBe('text/x-b');
        await copy(from, from, { MetadataDirective: 'REPLACE', ...other });
        expect(await get(from)).toMatchObject({ ContentType: 'text/x-b', ContentLength: 4 });
        await expect(copy(from, from)).rejects.toThrow(refusal('InvalidRequest', 400));
      });

      it('under conditions', async () => {
        const [from, to] = [newKey(), newKey()];
        const { ETag } = await put(from, 'text');
        const failed = refusal('PreconditionFailed', 412);
        await expect(copy(to, from, { CopySourceIfMatch: STALE_ETAG })).rejects.toThrow(failed);
        await expect(copy(to, from, { CopySourceIfNoneMatch: ETag })).rejects.toThrow(failed);
        await expect(head(to)).rejects.toThrow(refusal('NotFound', 404));
        await copy(to, from, { CopySourceIfMatch: ETag, IfNoneMatch: '*' });
        await expect(copy(to, from, { IfNoneMatch: '*' })).rejects.toThrow(failed);
        await expect(copy(to, newKey())).rejects.toThrow(refusal('NoSuchKey', 404));
      });
    });

    describe('listings', () => {
      const names = ['a', 'a/1', 'a/2', 'a/b/3', 'a0', 'b/1', 'c', '\u{ff5e}', '\u{1f642}'];
      let Prefix: string;
      beforeAll(async () => {
        Prefix = `${newKey()}/`;
        await Promise.all(names.map((name) => put(Prefix + name, name)));
      });
      const listed = async (more: Partial<ListObjectsV2CommandInput>) => {
        const page = await list({ Prefix, ...more });
        const strip = (key = '') => key.slice(Prefix.length);
        return {
          keys: (page.Contents ?? []).map(({ Key }) => strip(Key)),
          prefixes: (page.CommonPrefixes ?? []).map((common) => strip(common.Prefix)),
          next: page.NextContinuationToken,
          page,
        };
      };

      it('are in the order of bytes, with size and ETag', async () => {
        const { keys, page } = await listed({});
        expect(keys).toEqual(names);
        expect(page).toMatchObject({ IsTruncated: false, KeyCount: names.length, Prefix });
        const { ETag } = await head(`${Prefix}a/b/3`);
        expect(page.Contents?.[3]).toMatchObject({ Size: 5, ETag, StorageClass: 'STANDARD' });
      });

      it.each([1, 2, 4, 9])('have every key once, %i at a time', async (MaxKeys) => {
        const found: string[] = [];
        let ContinuationToken: string | undefined;
        do {
          const { keys, next, page } = await listed({ MaxKeys, ContinuationToken });
          expect(keys.length).toBe(Math.min(MaxKeys, names.length - found.length));
          expect(page.IsTruncated).toBe(next !== undefined);
          found.push(...keys);
          ContinuationToken = next;
        } while (ContinuationToken !== undefined && found.length <= names.length);
        expect(found).toEqual(names);
      });

      it('roll up what is behind a delimiter, across pages too', async () => {
        const rolled = { keys: ['a', 'a0', 'c', '\u{ff5e}', '\u{1f642}'], prefixes: ['a/', 'b/'] };
        expect(await listed({ Delimiter: '/' })).toMatchObject(rolled);
        const keys: string[] = [];
        const prefixes: string[] = [];
        let ContinuationToken: string | undefined;
        do {
          const found = await listed({ Delimiter: '/', MaxKeys: 2, ContinuationToken });
          keys.push(...found.keys);
          prefixes.push(...found.prefixes);
          ContinuationToken = found.next;
        } while (ContinuationToken !== undefined && keys.length <= names.length);
        expect({ keys, prefixes }).toEqual(rolled);
      });

      it('begin where they are told to', async () => {
        expect((await listed({ StartAfter: `${Prefix}a0` })).keys).toEqual(names.slice(5));
        expect((await listed({ StartAfter: `${Prefix}a1` })).keys).toEqual(names.slice(5));
        expect((await listed({ MaxKeys: 0 })).page).toMatchObject({ IsTruncated: false });
        expect((await listed({ Prefix: `${Prefix}nothing` })).keys).toEqual([]);
      });

      it('are percent-encoded when asked', async () => {
        const { page } = await listed({ EncodingType: 'url' });
        const keys = (page.Contents ?? []).map(({ Key = '' }) => Key);
        expect(keys.at(-1)).toBe(
          `${encodeURIComponent(Prefix).replaceAll('%2F', '/')}%F0%9F%99%82`,
        );
      });

      it('refuse a token that they never gave', async () => {
        const answer = list({ Prefix, ContinuationToken: 'none of yours' });
        await expect(answer).rejects.toThrow(refusal('InvalidArgument', 400));
      });
    });

    describe('deletes', () => {
      const removeAll = (Objects: { Key: string; ETag?: string }[], Quiet = false) =>
        client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects, Quiet } }));

      it('of a missing key succeed', async () => {
        expect((await remove(newKey())).$metadata.httpStatusCode).toBe(204);
      });

      it('of a batch name every key', async () => {
        const keys = [`${newKey()}/<&>"'`, `${newKey()}/ü\n`, newKey()];
        await Promise.all(keys.slice(0, 2).map((key) => put(key, key)));
        const { Deleted, Errors } = await removeAll(keys.map((Key) => ({ Key })));
        expect(Deleted?.map(({ Key }) => Key).toSorted()).toEqual(keys.toSorted());
        expect(Errors).toBeUndefined();
        for (const key of keys) await expect(head(key)).rejects.toThrow(refusal('NotFound', 404));
      });

      it('of a batch can be quiet, and keep what has changed', async () => {
        const [gone, kept] = [newKey(), newKey()];
        const { ETag = '' } = await put(gone, 'gone');
        await put(kept, 'kept');
        const batch = [
          { Key: gone, ETag },
          { Key: kept, ETag: STALE_ETAG },
        ];
        const { Deleted, Errors } = await removeAll(batch, true);
        expect(Deleted).toBeUndefined();
        expect(Errors).toMatchObject([{ Key: kept, Code: 'PreconditionFailed' }]);
        await expect(head(gone)).rejects.toThrow(refusal('NotFound', 404));
        expect(await text(kept)).toBe('kept');
      });

      it('of more than 1000 keys at once are refused', async () => {
        const keys = Array.from({ length: 1001 }, (_, n) => ({ Key: `${run}/none/${n}` }));
        await expect(removeAll(keys)).rejects.toThrow(refusal('MalformedXML', 400));
        expect((await removeAll(keys.slice(1))).Deleted).toHaveLength(1000);
      });
    });
  });
}
