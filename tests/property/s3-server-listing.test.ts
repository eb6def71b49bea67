import { mkdtemp, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fc, test } from '@fast-check/jest';
import { afterAll, beforeAll, describe, expect } from '@jest/globals';
import type { Exchange } from '../../local/s3-server/exchange.ts';
import { listObjects } from '../../local/s3-server/list-objects.ts';
import { ObjectTable } from '../../local/s3-server/object-table.ts';
import { decode } from '../../local/s3-server/uri.ts';
import { parseXml } from '../../local/s3-server/xml.ts';

/**
 * Few characters, so that keys share prefixes; the odd ones stand where bytes and UTF-16 differ.
 */
const someKey = (minLength: number, maxLength: number) =>
  fc.string({
    unit: fc.constantFrom('a', 'b', '/', '\u0000', '\ud7ff', '\ue000', '\u{10ffff}'),
    minLength,
    maxLength,
  });
const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));

describe('listings', () => {
  let dir: string;
  let table: ObjectTable;
  let buckets = 0;
  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'holdfast-s3-'));
    table = new ObjectTable(dir);
  });
  afterAll(async () => {
    table.close();
    await rm(dir, { recursive: true });
  });

  const fill = (keys: string[]): string => {
    const bucket = `bucket-${++buckets}`;
    const row = { etag: '"x"', sizeBytes: 1, contentType: 'x', contentEncoding: null };
    const more = { storageClass: null, userMetadata: '{}', crc32: null, sha256: null };
    table.transaction(() => {
      for (const [at, key] of keys.entries())
        table.put(bucket, { ...row, ...more, key, file: `${bucket}/${at}`, modifiedMs: 0 });
    });
    return bucket;
  };

  /** One page, as a client reads it. */
  const list = (bucket: string, query: Record<string, string>) => {
    let body = '';
    const end = (text: string) => {
      body = text;
    };
    listObjects({
      request: { method: 'GET' } as IncomingMessage,
      response: { writeHead: () => {}, end } as unknown as ServerResponse,
      bucket,
      query: new Map(Object.entries({ 'list-type': '2', 'encoding-type': 'url', ...query })),
      table,
    } as Exchange);
    const { children } = parseXml(body);
    const textOf = (name: string) => children.find((child) => child.name === name)?.text;
    const names = (element: string, what: string) =>
      children
        .filter(({ name }) => name === element)
        .map((child) => ({ what, name: decode(child.children[0]?.text ?? '') }));
    return {
      found: [...names('Contents', 'key'), ...names('CommonPrefixes', 'prefix')].toSorted((a, b) =>
        byBytes(a.name, b.name),
      ),
      count: Number(textOf('KeyCount')),
      next: textOf('NextContinuationToken'),
    };
  };

  const someRequest = fc.record({
    prefix: someKey(0, 2),
    delimiter: someKey(0, 1),
    after: fc.option(someKey(0, 3), { nil: null }),
    maxKeys: fc.integer({ min: 1, max: 6 }),
  });

  test.prop([fc.uniqueArray(someKey(1, 5), { maxLength: 25 }), someRequest], { numRuns: 300 })(
    'have every key or its prefix once and in order, on full pages',
    (keys, { prefix, delimiter, after, maxKeys }) => {
      const expected = new Map<string, { what: string; name: string }>();
      for (const key of keys.toSorted(byBytes)) {
        if (!key.startsWith(prefix) || (after !== null && byBytes(key, after) <= 0)) continue;
        const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
        const name = end < 0 ? key : key.slice(0, end + delimiter.length);
        const what = end < 0 ? 'key' : 'prefix';
        expected.set(`${what} ${name}`, { what, name });
      }
      const bucket = fill(keys);
      const all: object[] = [];
      let token: string | undefined;
      do {
        const { found, count, next } = list(bucket, {
          prefix,
          delimiter,
          'max-keys': String(maxKeys),
          ...(after === null ? {} : { 'start-after': after }),
          ...(token === undefined ? {} : { 'continuation-token': token }),
        });
        expect([count, found.length]).toEqual(
          Array(2).fill(Math.min(maxKeys, expected.size - all.length)),
        );
        all.push(...found);
        token = next;
      } while (token !== undefined && all.length <= expected.size);
      expect(all).toEqual([...expected.values()]);
    },
  );
});
