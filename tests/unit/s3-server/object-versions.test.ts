import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Exchange } from '../../../local/s3-server/exchange.ts';
import { type ObjectRow, ObjectTable } from '../../../local/s3-server/object-table.ts';
import { findObject } from '../../../local/s3-server/object-versions.ts';

const code = (name: string) => expect.objectContaining({ code: name });

describe('findObject', () => {
  let dir: string;
  let table: ObjectTable;
  let warnings: string[];
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'holdfast-s3-'));
    table = new ObjectTable(dir);
    warnings = [];
    putFile('first');
  });
  afterEach(async () => {
    table.close();
    await rm(dir, { recursive: true });
  });

  const putFile = (file: string) =>
    table.put('bucket', {
      key: 'key',
      etag: `"${file}"`,
      sizeBytes: 1,
      file,
      contentType: 'x',
      contentEncoding: null,
      storageClass: null,
      userMetadata: '{}',
      crc32: null,
      sha256: null,
      modifiedMs: 0,
    });
  const find = (open: (row: ObjectRow) => string | null) => {
    const warn = (text: string) => void warnings.push(text);
    return findObject({ table, warn } as Exchange, 'bucket', 'key', async (row) => open(row));
  };

  it('takes the new object when the old one is replaced while it is opened', async () => {
    const found = await find(({ file }) => {
      if (file === 'second') return `opened ${file}`;
      putFile('second');
      return null;
    });
    expect(found).toMatchObject({ open: 'opened second', row: { etag: '"second"' } });
    expect(warnings).toEqual([]);
  });

  it('finds nothing when the object is deleted while it is opened', async () => {
    const found = find(() => {
      table.remove('bucket', 'key');
      return null;
    });
    await expect(found).rejects.toThrow(code('NoSuchKey'));
    expect(warnings).toEqual([]);
  });

  it('reports a file that is gone while its object is there', async () => {
    await expect(find(() => null)).rejects.toThrow(code('InternalError'));
    expect(warnings).toEqual([expect.stringContaining('bucket/key')]);
  });

  it('gives up on an object that is replaced again and again', async () => {
    let count = 0;
    const found = find(() => {
      putFile(`file ${++count}`);
      return null;
    });
    await expect(found).rejects.toThrow(code('ServiceUnavailable'));
    expect(count).toBeLessThanOrEqual(100);
  });
});
