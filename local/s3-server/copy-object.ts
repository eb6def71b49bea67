import {
  checkMatch,
  checkWriteCondition,
  matches,
  newEtag,
  preconditionFailed,
} from './conditions.ts';
import { answer, type Exchange, headerOf } from './exchange.ts';
import { givenProperties, givenStorageClass } from './object-properties.ts';
import type { ObjectRow } from './object-table.ts';
import { commitObject, findObject } from './object-versions.ts';
import { noSuchBucket, notImplemented, S3Error } from './s3-error.ts';
import { decode, splitOnce } from './uri.ts';
import { document, element } from './xml.ts';

/** CopyObject: the copy shares the bytes on the disk, and nothing else, with its source. */
export const copyObject = async (exchange: Exchange): Promise<void> => {
  const { table, key, nowMs } = exchange;
  const from = copySource(exchange);
  const replace = isReplacing(exchange, from);
  const storageClass = givenStorageClass(exchange);
  checkWriteCondition(exchange, table.find(exchange.bucket, key));
  if (!table.hasBucket(from.bucket)) throw noSuchBucket();
  const { row: source, open: file } = await findObject(exchange, from.bucket, from.key, copyFile);
  const row = await commitObject(exchange, file, () => {
    checkSourceConditions(exchange, source);
    return {
      ...source,
      ...(replace ? givenProperties(exchange) : {}),
      storageClass,
      key,
      file,
      etag: newEtag(),
      modifiedMs: nowMs(),
    };
  });
  const parts = [
    element('ETag', row.etag),
    element('LastModified', new Date(row.modifiedMs).toISOString()),
    ...(row.crc32 === null ? [] : [element('ChecksumCRC32', row.crc32)]),
    ...(row.sha256 === null ? [] : [element('ChecksumSHA256', row.sha256)]),
  ];
  answer(exchange, 200, {}, document('CopyObjectResult', parts));
};

const copySource = (exchange: Exchange): { bucket: string; key: string } => {
  const [path, query] = splitOnce(headerOf(exchange, 'x-amz-copy-source'), '?');
  if (query !== '') throw notImplemented('versionId of a copy source');
  const [bucket, key] = splitOnce(decode(path).replace(/^\//, ''), '/');
  if (bucket === '' || key === '')
    throw new S3Error('InvalidArgument', 'x-amz-copy-source is malformed.');
  return { bucket, key };
};

const isReplacing = (exchange: Exchange, from: { bucket: string; key: string }): boolean => {
  const directive = headerOf(exchange, 'x-amz-metadata-directive') || 'COPY';
  if (directive !== 'COPY' && directive !== 'REPLACE')
    throw new S3Error('InvalidArgument', 'x-amz-metadata-directive is neither COPY nor REPLACE.');
  const ontoItself = from.bucket === exchange.bucket && from.key === exchange.key;
  if (ontoItself && directive === 'COPY' && headerOf(exchange, 'x-amz-storage-class') === '')
    throw new S3Error('InvalidRequest', 'A copy onto itself must change something.');
  return directive === 'REPLACE';
};

const copyFile = (row: ObjectRow, { files }: Exchange): Promise<string | null> =>
  files.copy(row.file);

const checkSourceConditions = (exchange: Exchange, source: ObjectRow): void => {
  checkMatch(headerOf(exchange, 'x-amz-copy-source-if-match'), source);
  const unwanted = headerOf(exchange, 'x-amz-copy-source-if-none-match');
  if (unwanted !== '' && matches(unwanted, source.etag)) throw preconditionFailed();
};
