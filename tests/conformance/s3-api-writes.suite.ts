import { Readable } from 'node:stream';
import { DeleteObjectsCommand, type DeleteObjectsCommandInput } from '@aws-sdk/client-s3';
import { describe, expect, it } from '@jest/globals';
import { someBytes } from '../support/some-stored.ts';
import { digest, failure, type S3Requests, STRANGE_KEYS, statusOf } from './s3-api-requests.ts';

const PRECONDITION_FAILED = failure('PreconditionFailed', 412);
const NO_SUCH_KEY = failure('NoSuchKey', 404);
/** CRC-32 of `123456789`, the check value of its definition, in base64. */
const NINE_DIGITS = { text: '123456789', crc32: 'y/Q5Jg==' };

/** Conditional writes, checksums, copies and deletes. */
export const s3WritesSuite = (s3: S3Requests): void => {
  describe('conditional writes', () => conditionalWrites(s3));
  describe('checksums', () => checksums(s3));
  describe('copies', () => copies(s3));
  describe('deletes', () => deletes(s3));
};

const conditionalWrites = (s3: S3Requests): void => {
  it('create a key once', async () => {
    const key = s3.newKey();
    const { ETag } = await s3.put(key, 'first', { IfNoneMatch: '*' });
    await expect(s3.put(key, 'second', { IfNoneMatch: '*' })).rejects.toThrow(PRECONDITION_FAILED);
    expect(await s3.get(key)).toMatchObject({ ETag, bytes: Buffer.from('first') });
    await s3.remove(key);
    await s3.put(key, 'third', { IfNoneMatch: '*' });
    expect((await s3.get(key)).bytes.toString()).toBe('third');
  });

  it('replace the version that they name', async () => {
    const key = s3.newKey();
    await expect(s3.put(key, 'bytes', { IfMatch: '"none"' })).rejects.toThrow(NO_SUCH_KEY);
    const { ETag: first } = await s3.put(key, 'first');
    await s3.put(key, 'second', { IfMatch: first });
    await expect(s3.put(key, 'third', { IfMatch: first })).rejects.toThrow(PRECONDITION_FAILED);
    expect((await s3.get(key)).bytes.toString()).toBe('second');
  });

  it.each(['IfNoneMatch', 'IfMatch'] as const)('have one winner of a race by %s', async (by) => {
    const key = s3.newKey();
    const condition = by === 'IfMatch' ? (await s3.put(key, 'before')).ETag : '*';
    const bodies = Array.from({ length: 12 }, (_, n) => Buffer.alloc(1000 * n + 1, n));
    const statuses = await Promise.all(
      bodies.map((body) => statusOf(s3.put(key, body, { [by]: condition }))),
    );
    const losers = statuses.filter((status) => status === 412 || status === 409);
    expect([statuses.filter((status) => status === 200).length, losers.length]).toEqual([1, 11]);
    const winner = bodies[statuses.indexOf(200)];
    expect((await s3.get(key)).bytes.equals(winner ?? Buffer.alloc(0))).toBe(true);
  });

  it('leave the connection usable when they refuse a large body', async () => {
    const [key, body] = [s3.newKey(), Buffer.alloc(3 * 2 ** 20, 1)];
    await s3.put(key, 'there');
    for (let n = 0; n < 3; n++) {
      await expect(s3.put(key, body, { IfNoneMatch: '*' })).rejects.toThrow(PRECONDITION_FAILED);
    }
    expect((await s3.get(key)).bytes.toString()).toBe('there');
  });
};

const checksums = (s3: S3Requests): void => {
  it('are stored and given back when asked for', async () => {
    const [key, bytes] = [s3.newKey(), someBytes('sum', 1000)];
    const ChecksumSHA256 = digest('sha256', bytes);
    expect(await s3.put(key, bytes, { ChecksumSHA256 })).toMatchObject({ ChecksumSHA256 });
    const asked = { ChecksumMode: 'ENABLED' } as const;
    expect(await s3.head(key, asked)).toMatchObject({ ChecksumSHA256 });
    expect(await s3.get(key, asked)).toMatchObject({ ChecksumSHA256 });
    expect((await s3.head(key)).ChecksumSHA256).toBeUndefined();
    expect((await s3.get(key, { ...asked, Range: 'bytes=0-9' })).ChecksumSHA256).toBeUndefined();
  });

  it('of CRC-32 are those of its definition', async () => {
    const key = s3.newKey();
    const ChecksumCRC32 = NINE_DIGITS.crc32;
    await s3.put(key, NINE_DIGITS.text, { ChecksumCRC32 });
    expect(await s3.head(key, { ChecksumMode: 'ENABLED' })).toMatchObject({ ChecksumCRC32 });
  });

  it.each([
    ['ChecksumSHA256', digest('sha256', Buffer.from('other')), 'BadDigest'],
    ['ChecksumCRC32', NINE_DIGITS.crc32, 'BadDigest'],
    ['ContentMD5', digest('md5', Buffer.from('other')), 'BadDigest'],
    ['ChecksumSHA256', 'c2hvcnQ=', 'InvalidRequest'],
    ['ChecksumCRC32', '!!', 'InvalidRequest'],
    ['ContentMD5', 'c2hvcnQ=', 'InvalidDigest'],
  ])('refuse %s %s with %s', async (name, value, code) => {
    const key = s3.newKey();
    await s3.put(key, 'before');
    await expect(s3.put(key, 'after', { [name]: value })).rejects.toThrow(failure(code, 400));
    expect((await s3.get(key)).bytes.toString()).toBe('before');
  });

  it('of CRC-32 may follow the bytes', async () => {
    const key = s3.newKey();
    const Body = Readable.from([Buffer.from(NINE_DIGITS.text)]);
    await s3.put(key, Body, { ContentLength: 9, ChecksumAlgorithm: 'CRC32' });
    const { ChecksumCRC32 } = await s3.head(key, { ChecksumMode: 'ENABLED' });
    expect(ChecksumCRC32).toBe(NINE_DIGITS.crc32);
  });

  it('accept a right Content-MD5', async () => {
    const key = s3.newKey();
    await s3.put(key, 'bytes', { ContentMD5: digest('md5', Buffer.from('bytes')) });
    expect((await s3.get(key)).bytes.toString()).toBe('bytes');
  });
};

const copies = (s3: S3Requests): void => {
  it('have the bytes, the description and the checksum', async () => {
    const [from, to] = [`${s3.prefix}from/${STRANGE_KEYS.join('')}`, s3.newKey()];
    const ChecksumSHA256 = digest('sha256', Buffer.from('bytes'));
    await s3.put(from, 'bytes', { ChecksumSHA256, ContentType: 'text/x', Metadata: { a: 'b' } });
    const { CopyObjectResult } = await s3.copy(from, to);
    await s3.remove(from);
    const copy = await s3.get(to, { ChecksumMode: 'ENABLED' });
    expect(copy).toMatchObject({
      ETag: CopyObjectResult?.ETag,
      ContentType: 'text/x',
      Metadata: { a: 'b' },
      ChecksumSHA256,
    });
    expect(copy.bytes.toString()).toBe('bytes');
  });

  it('take a new description', async () => {
    const key = s3.newKey();
    await s3.put(key, 'bytes', { Metadata: { old: '1' } });
    await expect(s3.copy(key, key)).rejects.toThrow(failure('InvalidRequest', 400));
    await s3.copy(key, key, { MetadataDirective: 'REPLACE', Metadata: { new: '2' } });
    const { Metadata, bytes } = await s3.get(key);
    expect([Metadata, bytes.toString()]).toEqual([{ new: '2' }, 'bytes']);
  });

  it('are made of the version that they name', async () => {
    const [from, to] = [s3.newKey(), s3.newKey()];
    const { ETag: old } = await s3.put(from, 'old');
    const { ETag } = await s3.put(from, 'new');
    await expect(s3.copy(from, to, { CopySourceIfMatch: old })).rejects.toThrow(
      PRECONDITION_FAILED,
    );
    await expect(s3.copy(from, to, { CopySourceIfNoneMatch: ETag })).rejects.toThrow(
      PRECONDITION_FAILED,
    );
    await expect(s3.copy(s3.newKey(), to)).rejects.toThrow(NO_SUCH_KEY);
    await expect(s3.head(to)).rejects.toThrow(failure('NotFound', 404));
    await s3.copy(from, to, { CopySourceIfMatch: ETag, IfNoneMatch: '*' });
    await expect(s3.copy(from, to, { IfNoneMatch: '*' })).rejects.toThrow(PRECONDITION_FAILED);
    expect((await s3.get(to)).bytes.toString()).toBe('new');
  });
};

const deletes = (s3: S3Requests): void => {
  it('remove a key, and do nothing without one', async () => {
    const key = s3.newKey();
    await s3.remove(key);
    await s3.put(key, 'bytes');
    await s3.remove(key);
    await expect(s3.get(key)).rejects.toThrow(NO_SUCH_KEY);
  });

  it('spare a version that they do not name', async () => {
    const key = s3.newKey();
    const { ETag: old } = await s3.put(key, 'old');
    const { ETag } = await s3.put(key, 'new');
    await expect(s3.remove(key, { IfMatch: old })).rejects.toThrow(PRECONDITION_FAILED);
    expect((await s3.get(key)).bytes.toString()).toBe('new');
    await s3.remove(key, { IfMatch: ETag });
    await expect(s3.get(key)).rejects.toThrow(NO_SUCH_KEY);
  });

  const removeAll = (Delete: DeleteObjectsCommandInput['Delete']) => {
    const { client, bucket } = s3.connection();
    return client.send(new DeleteObjectsCommand({ Bucket: bucket, Delete }));
  };

  it('remove a batch, and name what they removed', async () => {
    const names = STRANGE_KEYS.map((name) => `${s3.prefix}batch/${name}`);
    const spared = `${s3.prefix}batch/spared`;
    for (const key of [...names, spared]) await s3.put(key, 'bytes');
    const all = [...names, `${s3.prefix}batch/absent`];
    const { Deleted, Errors } = await removeAll({ Objects: all.map((Key) => ({ Key })) });
    expect(Deleted?.map(({ Key }) => Key).toSorted()).toEqual(all.toSorted());
    expect(Errors ?? []).toEqual([]);
    for (const key of names) await expect(s3.get(key)).rejects.toThrow(NO_SUCH_KEY);
    expect((await s3.get(spared)).bytes.toString()).toBe('bytes');
  });

  it('remove a batch quietly', async () => {
    const key = s3.newKey();
    await s3.put(key, 'bytes');
    expect((await removeAll({ Objects: [{ Key: key }], Quiet: true })).Deleted).toBeUndefined();
    await expect(s3.get(key)).rejects.toThrow(NO_SUCH_KEY);
  });

  it('spare what a batch names by another version', async () => {
    const [gone, kept] = [s3.newKey(), s3.newKey()];
    const { ETag = '' } = await s3.put(gone, 'gone');
    const { ETag: old = '' } = await s3.put(kept, 'old');
    await s3.put(kept, 'kept');
    const batch = [
      { Key: gone, ETag },
      { Key: kept, ETag: old },
    ];
    const { Deleted, Errors } = await removeAll({ Objects: batch });
    expect(Deleted).toMatchObject([{ Key: gone }]);
    expect(Errors).toMatchObject([{ Key: kept, Code: 'PreconditionFailed' }]);
    await expect(s3.get(gone)).rejects.toThrow(NO_SUCH_KEY);
    expect((await s3.get(kept)).bytes.toString()).toBe('kept');
  });

  it('refuse a batch of none and of more than 1,000', async () => {
    const tooMany = Array.from({ length: 1001 }, (_, n) => ({ Key: `${s3.prefix}absent/${n}` }));
    await expect(removeAll({ Objects: tooMany })).rejects.toThrow(failure('MalformedXML', 400));
    await expect(removeAll({ Objects: [] })).rejects.toThrow(failure('MalformedXML', 400));
    const { Deleted } = await removeAll({ Objects: tooMany.slice(1) });
    expect(Deleted).toHaveLength(1000);
  });
};
