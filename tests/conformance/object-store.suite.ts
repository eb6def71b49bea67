import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ObjectStore } from '../../lib/ports/object-store.ts';
import { someBytes } from '../support/some-stored.ts';

export interface ConnectedStore {
  store: ObjectStore;
  /** Puts other bytes under a key, as a writer that this port does not have. */
  overwrite(key: string, bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

const code = (name: string) => expect.objectContaining({ code: name });

/** The promises of the port `ObjectStore`. Every key begins with a prefix of its own run. */
export function objectStoreSuite(
  name: string,
  connect: () => Promise<ConnectedStore>,
  prefix = `conformance/${createHash('sha256').update(`${process.hrtime.bigint()}`).digest('hex')}`,
): void {
  describe(name, () => {
    let connected: ConnectedStore;
    let store: ObjectStore;
    let count = 0;
    const newKey = (): string => `${prefix}/objects/${++count}`;

    beforeAll(async () => {
      connected = await connect();
      store = connected.store;
    });
    afterAll(() => connected.close());

    it.each([0, 1, 1000, 2 ** 20 + 1])('gives back %i bytes', async (size) => {
      const [key, bytes] = [newKey(), someBytes(`${size}`, size)];
      await store.put(key, bytes);
      const read = await store.get(key);
      expect(Buffer.from(read.bytes).equals(bytes)).toBe(true);
      const { etag, sizeBytes } = await store.head(key);
      expect({ etag, sizeBytes }).toEqual({ etag: read.etag, sizeBytes: size });
      expect(etag).not.toBe('');
    });

    it.each([
      ['at the beginning of the room that is given', 2000, true],
      ['in memory of their own when the room is too small', 999, false],
    ])('gives back bytes %s', async (_, roomBytes, fits) => {
      const [key, bytes] = [newKey(), someBytes('room', 1000)];
      await store.put(key, bytes);
      const room = new Uint8Array(new SharedArrayBuffer(roomBytes + 10)).subarray(10);
      const read = await store.get(key, room);
      expect(Buffer.from(read.bytes).equals(bytes)).toBe(true);
      expect(read.bytes.buffer === room.buffer).toBe(fits);
      expect(Buffer.from(room.subarray(0, 1000)).equals(bytes)).toBe(fits);
    });

    it('takes the same bytes again, and refuses others', async () => {
      const [key, bytes] = [newKey(), someBytes('first', 100)];
      await store.put(key, bytes);
      await store.put(key, Uint8Array.from(bytes));
      await expect(store.put(key, someBytes('other', 100))).rejects.toThrow(
        code('store.object-exists'),
      );
      await expect(store.put(key, new Uint8Array(0))).rejects.toThrow(code('store.object-exists'));
      expect(Buffer.from((await store.get(key)).bytes).equals(bytes)).toBe(true);
    });

    it('lets exactly one of racing writers win', async () => {
      const key = newKey();
      const contents = Array.from({ length: 8 }, (_, n) => someBytes(`racer ${n}`, 5000 + n));
      const results = await Promise.allSettled(contents.map((bytes) => store.put(key, bytes)));
      const winners = contents.filter((_, n) => results[n]?.status === 'fulfilled');
      expect(winners).toHaveLength(1);
      for (const result of results) {
        if (result.status === 'rejected')
          expect(result.reason).toEqual(code('store.object-exists'));
      }
      expect(Buffer.from((await store.get(key)).bytes).equals(winners[0]!)).toBe(true);
    });

    it('takes the SHA-256 it is given, and stores nothing when it is wrong', async () => {
      const [key, bytes] = [newKey(), someBytes('checked', 100)];
      const sha256 = createHash('sha256').update(bytes).digest();
      const wrong = Buffer.from(sha256);
      wrong.writeUInt8(wrong.readUInt8(0) ^ 1, 0);
      await expect(store.put(key, bytes, wrong)).rejects.toThrow(code('store.unavailable'));
      await expect(store.head(key)).rejects.toThrow(code('store.object-missing'));
      await store.put(key, bytes, sha256);
      await store.put(key, bytes, sha256);
      expect((await store.get(key)).bytes).toHaveLength(100);
    });

    it('neither keeps buffers nor shares them', async () => {
      const [key, bytes] = [newKey(), someBytes('own', 10)];
      const handedIn = Uint8Array.from(bytes);
      await store.put(key, handedIn);
      handedIn.fill(0);
      const first = await store.get(key);
      expect(Buffer.from(first.bytes).equals(bytes)).toBe(true);
      first.bytes.fill(0);
      expect(Buffer.from((await store.get(key)).bytes).equals(bytes)).toBe(true);
    });

    it('replaces exactly one version, and takes the same bytes again', async () => {
      const [key, first, second] = [newKey(), someBytes('1', 300), someBytes('2', 200)];
      await store.put(key, first);
      const { etag } = await store.head(key);
      for (let n = 0; n < 2; n++) await store.replace(key, second, etag);
      const replaced = await store.get(key);
      expect(Buffer.from(replaced.bytes).equals(second)).toBe(true);
      expect(replaced.etag).not.toBe(etag);
      const changed = code('store.object-changed');
      await expect(store.replace(key, someBytes('3', 100), etag)).rejects.toThrow(changed);
      expect(Buffer.from((await store.get(key)).bytes).equals(second)).toBe(true);
      await store.delete([key]);
      await expect(store.replace(key, first, replaced.etag)).rejects.toThrow(changed);
      await expect(store.head(key)).rejects.toThrow(code('store.object-missing'));
    });

    it('lets exactly one of racing replacements win', async () => {
      const key = newKey();
      await store.put(key, someBytes('before', 100));
      const { etag } = await store.head(key);
      const contents = Array.from({ length: 4 }, (_, n) => someBytes(`racer ${n}`, 5000 + n));
      const results = await Promise.allSettled(
        contents.map((bytes) => store.replace(key, bytes, etag)),
      );
      const winners = contents.filter((_, n) => results[n]?.status === 'fulfilled');
      expect(winners).toHaveLength(1);
      for (const result of results) {
        if (result.status === 'rejected')
          expect(result.reason).toEqual(code('store.object-changed'));
      }
      expect(Buffer.from((await store.get(key)).bytes).equals(winners[0]!)).toBe(true);
    });

    it('replaces nothing by bytes that are not what their SHA-256 says', async () => {
      const [key, bytes] = [newKey(), someBytes('right', 100)];
      await store.put(key, bytes);
      const { etag } = await store.head(key);
      const wrong = new Uint8Array(32);
      const replacing = store.replace(key, someBytes('damaged', 100), etag, wrong);
      await expect(replacing).rejects.toThrow(code('store.unavailable'));
      expect(Buffer.from((await store.get(key)).bytes).equals(bytes)).toBe(true);
    });

    it('deletes what is there, of more keys than one request takes', async () => {
      const folder = `${prefix}/delete/`;
      const keys = Array.from({ length: 30 }, (_, n) => `${folder}ä ${n}&<`);
      await Promise.all(keys.map((key) => store.put(key, new Uint8Array(1))));
      await store.put(`${folder}kept`, new Uint8Array(1));
      const missing = Array.from({ length: 1200 }, (_, n) => `${folder}missing/${n}`);
      await store.delete([...missing, ...keys]);
      await store.delete(new Set(keys));
      await store.delete([]);
      const left: string[] = [];
      for await (const { key } of store.list(folder)) left.push(key);
      expect(left).toEqual([`${folder}kept`]);
      await expect(store.get(keys[0]!)).rejects.toThrow(code('store.object-missing'));
      await store.put(keys[0]!, new Uint8Array(2));
      expect((await store.get(keys[0]!)).bytes).toHaveLength(2);
    });

    it('says of a missing key that it is missing', async () => {
      const missing = code('store.object-missing');
      await expect(store.get(newKey())).rejects.toThrow(missing);
      await expect(store.getRange(newKey(), 0, 1)).rejects.toThrow(missing);
      await expect(store.getRange(newKey(), 1, 1)).rejects.toThrow(missing);
      await expect(store.getTail(newKey(), 1)).rejects.toThrow(missing);
      await expect(store.head(newKey())).rejects.toThrow(missing);
    });

    it('reads ranges, cut at the end', async () => {
      const [key, bytes] = [newKey(), someBytes('ranges', 1000)];
      await store.put(key, bytes);
      const { etag } = await store.head(key);
      for (const [from, to] of [
        [0, 1000],
        [0, 1],
        [10, 20],
        [999, 1000],
        [990, 2000],
        [1000, 1001],
        [5000, 6000],
        [7, 7],
      ] as const) {
        const read = await store.getRange(key, from, to);
        expect(Buffer.from(read.bytes).equals(bytes.subarray(from, to))).toBe(true);
        expect(read.etag).toBe(etag);
      }
    });

    it('reads tails, and says how large the object is', async () => {
      const [key, bytes] = [newKey(), someBytes('tail', 1000)];
      await store.put(key, bytes);
      for (const tail of [1, 10, 999, 1000, 1001, 100_000]) {
        const read = await store.getTail(key, tail);
        expect(read.sizeBytes).toBe(1000);
        expect(Buffer.from(read.bytes).equals(bytes.subarray(Math.max(0, 1000 - tail)))).toBe(true);
      }
      expect(await store.getTail(key, 0)).toMatchObject({ sizeBytes: 1000 });
      expect((await store.getTail(key, 0)).bytes).toHaveLength(0);
      const empty = newKey();
      await store.put(empty, new Uint8Array(0));
      expect((await store.getTail(empty, 10)).bytes).toHaveLength(0);
      expect((await store.getRange(empty, 0, 10)).bytes).toHaveLength(0);
    });

    it('reads ranges of one version, and says when it has been replaced', async () => {
      const [key, bytes] = [newKey(), someBytes('version 1', 100)];
      await store.put(key, bytes);
      const { etag } = await store.getTail(key, 10);
      expect((await store.getRange(key, 0, 10, etag)).bytes).toHaveLength(10);
      await connected.overwrite(key, someBytes('version 2', 100));
      const changed = code('store.object-changed');
      await expect(store.getRange(key, 0, 10, etag)).rejects.toThrow(changed);
      await expect(store.getRange(key, 0, 0, etag)).rejects.toThrow(changed);
      const now = await store.getTail(key, 10);
      expect(now.etag).not.toBe(etag);
      expect((await store.getRange(key, 0, 10, now.etag)).bytes).toHaveLength(10);
    });

    it('lists the keys of a prefix in byte order, across pages', async () => {
      const folder = `${prefix}/list/`;
      const names = Array.from({ length: 50 }, (_, n) => `${n}`);
      for (let from = 0; from < names.length; from += 25) {
        const some = names.slice(from, from + 25);
        await Promise.all(
          some.map((n) => store.put(`${folder}${n}`, new Uint8Array(Number(n) % 7))),
        );
      }
      await store.put(`${prefix}/list-not/x`, new Uint8Array(1));
      const listed: { key: string; sizeBytes: number }[] = [];
      for await (const one of store.list(folder)) listed.push(one);
      expect(listed).toEqual(
        names.toSorted().map((n) => ({ key: `${folder}${n}`, sizeBytes: Number(n) % 7 })),
      );
      for await (const one of store.list(`${prefix}/nothing/`)) expect(one).toBeUndefined();
    });
  });
}
