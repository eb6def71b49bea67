import { ListObjectsV2Command, type ListObjectsV2CommandInput } from '@aws-sdk/client-s3';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { failure, type S3Requests } from './s3-api-requests.ts';

/** In the order of their bytes, which is not that of UTF-16 for the last two. */
const KEYS = [
  '0 first',
  'dir/a',
  'dir/b',
  'dir/sub/c',
  'dir2/a',
  'plain+%&<',
  'z/\u{d7ff}/1',
  'z/\u{d7ff}/2',
  'z/\u{d7ff}x',
  'ﾮ',
  '😀',
];

/** ListObjectsV2. */
export const s3ListingSuite = (s3: S3Requests): void => {
  describe('listings', () => {
    const root = `${s3.prefix}listing/`;
    const list = async (input: Partial<ListObjectsV2CommandInput> = {}) => {
      const { client, bucket } = s3.connection();
      const { Prefix = '', StartAfter, ...rest } = input;
      const page = await client.send(
        new ListObjectsV2Command({
          Bucket: bucket,
          Prefix: `${root}${Prefix}`,
          ...(StartAfter === undefined ? {} : { StartAfter: `${root}${StartAfter}` }),
          ...rest,
        }),
      );
      const named = (names: (string | undefined)[] = []) =>
        names.map((name = '') => name.slice(root.length));
      return {
        ...page,
        keys: named(page.Contents?.map(({ Key }) => Key)),
        prefixes: named(page.CommonPrefixes?.map((common) => common.Prefix)),
      };
    };
    beforeAll(async () => {
      for (const key of KEYS.toReversed()) await s3.put(`${root}${key}`, key);
    });

    it('are in the order of bytes, with size, time and ETag', async () => {
      const { keys, Contents = [], KeyCount, IsTruncated } = await list();
      expect(keys).toEqual(KEYS);
      expect([KeyCount, IsTruncated]).toEqual([KEYS.length, false]);
      const { ETag, LastModified } = await s3.head(`${root}${KEYS[0]}`);
      expect(Contents[0]).toMatchObject({ ETag, Size: 7, StorageClass: 'STANDARD' });
      // HTTP dates have no milliseconds.
      expect(Math.floor(Number(Contents[0]?.LastModified) / 1000)).toBe(
        Number(LastModified) / 1000,
      );
    });

    it.each([1, 2, 3, KEYS.length])('come in pages of %i', async (MaxKeys) => {
      const pages: string[][] = [];
      let ContinuationToken: string | undefined;
      do {
        const page = await list({ MaxKeys, ContinuationToken });
        pages.push(page.keys);
        expect(page.IsTruncated).toBe(page.NextContinuationToken !== undefined);
        ContinuationToken = page.NextContinuationToken;
      } while (ContinuationToken !== undefined && pages.length <= KEYS.length);
      expect(pages.flat()).toEqual(KEYS);
      expect(pages.slice(0, -1).every((page) => page.length === MaxKeys)).toBe(true);
      expect(pages).toHaveLength(Math.ceil(KEYS.length / MaxKeys));
    });

    it.each([1, 2, 3, 1000])('fold keys at a delimiter, in pages of %i', async (MaxKeys) => {
      const [keys, prefixes]: [string[], string[]] = [[], []];
      let ContinuationToken: string | undefined;
      for (let pages = 0; pages < 20; pages++) {
        const page = await list({ Delimiter: '/', MaxKeys, ContinuationToken });
        expect(page.keys.length + page.prefixes.length).toBe(page.KeyCount);
        expect(page.KeyCount).toBeLessThanOrEqual(MaxKeys);
        keys.push(...page.keys);
        prefixes.push(...page.prefixes);
        ContinuationToken = page.NextContinuationToken;
        if (ContinuationToken === undefined) break;
      }
      expect(keys).toEqual(['0 first', 'plain+%&<', 'ﾮ', '😀']);
      expect(prefixes).toEqual(['dir/', 'dir2/', 'z/']);
    });

    it.each([
      [{ Prefix: 'dir/' }, ['dir/a', 'dir/b', 'dir/sub/c'], []],
      [{ Prefix: 'dir/', Delimiter: '/' }, ['dir/a', 'dir/b'], ['dir/sub/']],
      [{ Prefix: 'dir' }, ['dir/a', 'dir/b', 'dir/sub/c', 'dir2/a'], []],
      [{ Delimiter: 'ir' }, KEYS.slice(5), ['0 fir', 'dir']],
      [{ Prefix: 'z/', Delimiter: '\u{d7ff}' }, [], ['z/\u{d7ff}']],
      [{ Prefix: 'absent' }, [], []],
      [{ StartAfter: 'plain' }, KEYS.slice(5), []],
      [{ StartAfter: 'plain+%&<' }, KEYS.slice(6), []],
      [{ StartAfter: '\u{10ffff}' }, [], []],
      [{ Prefix: 'dir', StartAfter: 'dir/b' }, ['dir/sub/c', 'dir2/a'], []],
    ])('select by %j', async (input, keys, prefixes) => {
      const page = await list(input);
      expect([page.keys, page.prefixes]).toEqual([keys, prefixes]);
    });

    it('have an empty page of no keys, and at most 1,000', async () => {
      const empty = await list({ MaxKeys: 0 });
      expect([empty.keys, empty.IsTruncated]).toEqual([[], false]);
      expect((await list({ MaxKeys: 5000 })).MaxKeys).toBe(1000);
    });

    it('are percent-encoded when asked', async () => {
      const { keys, EncodingType } = await list({ Prefix: 'plain', EncodingType: 'url' });
      expect(EncodingType).toBe('url');
      expect(keys.map((key) => decodeURIComponent(key))).toEqual(['plain+%&<']);
      expect(keys).not.toEqual(['plain+%&<']);
    });

    it('refuse a token that is not theirs, and nonsense', async () => {
      const invalid = failure('InvalidArgument', 400);
      await expect(list({ ContinuationToken: 'nonsense' })).rejects.toThrow(invalid);
      await expect(list({ MaxKeys: -1 })).rejects.toThrow(invalid);
      await expect(list({ EncodingType: 'html' as 'url' })).rejects.toThrow(invalid);
    });
  });
};
