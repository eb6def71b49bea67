import { type Exchange, headerOf } from './exchange.ts';
import type { ObjectRow } from './object-table.ts';
import { notImplemented, S3Error } from './s3-error.ts';

/** S3's limit for the names and values of user metadata. */
const USER_METADATA_BYTES_MAX = 2048;
const USER_METADATA = 'x-amz-meta-';
/**
 * What else is kept as it came and given back; `expires` and its like say nothing to the server.
 */
const KEPT_HEADERS = ['cache-control', 'content-disposition', 'content-language', 'expires'];
/** Classes whose objects can be read at once; nothing is stored differently for any of them. */
const STORAGE_CLASSES = [
  'STANDARD',
  'REDUCED_REDUNDANCY',
  'STANDARD_IA',
  'ONEZONE_IA',
  'INTELLIGENT_TIERING',
  'GLACIER_IR',
];

export type ObjectProperties = Pick<ObjectRow, 'contentType' | 'contentEncoding' | 'userMetadata'>;

/** What the client says of an object besides its bytes. Throws `MetadataTooLarge`. */
export const givenProperties = (exchange: Exchange): ObjectProperties => {
  const headers = Object.entries(exchange.request.headers).map(
    ([name, value]) => [name, String(value)] as const,
  );
  const metadata = headers.filter(([name]) => name.startsWith(USER_METADATA));
  const sizeBytes = metadata.reduce(
    (sum, [name, value]) => sum + name.length - USER_METADATA.length + value.length,
    0,
  );
  if (sizeBytes > USER_METADATA_BYTES_MAX)
    throw new S3Error('MetadataTooLarge', 'User metadata has at most 2 KB.');
  const kept = headers.filter(([name]) => KEPT_HEADERS.includes(name));
  const encodings = headerOf(exchange, 'content-encoding')
    .split(',')
    .map((encoding) => encoding.trim())
    // How the body travelled is no property of the object.
    .filter((encoding) => encoding !== '' && encoding !== 'aws-chunked');
  return {
    contentType: headerOf(exchange, 'content-type') || 'application/octet-stream',
    contentEncoding: encodings.length === 0 ? null : encodings.join(', '),
    userMetadata: JSON.stringify(Object.fromEntries([...metadata, ...kept])),
  };
};

/** The class that the client asks for, `null` for the standard one. */
export const givenStorageClass = (exchange: Exchange): string | null => {
  const storageClass = headerOf(exchange, 'x-amz-storage-class');
  if (storageClass === '' || storageClass === 'STANDARD') return null;
  if (!STORAGE_CLASSES.includes(storageClass))
    throw notImplemented(`The storage class ${storageClass}`);
  return storageClass;
};

export const propertyHeaders = (row: ObjectRow): Record<string, string> => ({
  ...(JSON.parse(row.userMetadata) as Record<string, string>),
  etag: row.etag,
  'content-type': row.contentType,
  'last-modified': new Date(row.modifiedMs).toUTCString(),
  'accept-ranges': 'bytes',
  ...(row.contentEncoding === null ? {} : { 'content-encoding': row.contentEncoding }),
  ...(row.storageClass === null ? {} : { 'x-amz-storage-class': row.storageClass }),
});

export const checksumHeaders = (
  row: Pick<ObjectRow, 'crc32' | 'sha256'>,
): Record<string, string> => ({
  ...(row.crc32 === null ? {} : { 'x-amz-checksum-crc32': row.crc32 }),
  ...(row.sha256 === null ? {} : { 'x-amz-checksum-sha256': row.sha256 }),
  ...(row.crc32 === null && row.sha256 === null ? {} : { 'x-amz-checksum-type': 'FULL_OBJECT' }),
});
