import { checkWriteCondition } from './conditions.ts';
import type { Exchange } from './exchange.ts';
import type { ObjectRow } from './object-table.ts';
import { noSuchBucket, noSuchKey, S3Error } from './s3-error.ts';

/** How often an object may be replaced while its file is being opened before we give up. */
const ATTEMPTS_MAX = 20;

/**
 * The row of a key and what `open` makes of its file (`null`: the file is gone). A writer may
 * replace the object in between; then the new row counts. Only a file that is gone while its row
 * stands is damage: `InternalError`, never absence.
 */
export const findObject = async <T>(
  exchange: Exchange,
  bucket: string,
  key: string,
  open: (row: ObjectRow, exchange: Exchange) => Promise<T | null>,
): Promise<{ row: ObjectRow; open: T }> => {
  const { table } = exchange;
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt++) {
    const row = table.find(bucket, key);
    if (row === null) throw noSuchKey();
    const opened = await open(row, exchange);
    if (opened !== null) return { row, open: opened };
    if (table.find(bucket, key)?.file === row.file) {
      exchange.warn(`The bytes of ${bucket}/${key} are missing or cut (file ${row.file}).`);
      throw new S3Error('InternalError', 'The bytes of the object are damaged.');
    }
  }
  throw new S3Error('ServiceUnavailable', 'The object is replaced faster than it can be opened.');
};

/**
 * Puts the row of a file that is durable. The condition is evaluated and the row written without
 * anything in between: of racing conditional writes exactly one wins. On failure the file goes.
 */
export const commitObject = async (
  exchange: Exchange,
  file: string,
  makeRow: () => ObjectRow,
): Promise<ObjectRow> => {
  const { table, bucket, key } = exchange;
  let row: ObjectRow;
  let replaced: ObjectRow | null;
  try {
    row = makeRow();
    replaced = table.find(bucket, key);
    checkWriteCondition(exchange, replaced);
    // It may have been deleted while the body came in.
    if (!table.hasBucket(bucket)) throw noSuchBucket();
    table.put(bucket, row);
  } catch (error) {
    await discardFile(exchange, file);
    throw error;
  }
  if (replaced !== null) await discardFile(exchange, replaced.file);
  return row;
};

/** Removes a file that no row names. What cannot be removed is swept at the next start. */
export const discardFile = async ({ files, warn }: Exchange, file: string): Promise<void> => {
  try {
    await files.discard(file);
  } catch (error) {
    warn(`The file ${file} stays until the next start: ${String(error)}`);
  }
};
