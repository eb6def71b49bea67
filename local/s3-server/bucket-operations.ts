import { readSmallBody } from './body.ts';
import { deleteObjects } from './delete-objects.ts';
import { allowQuery, answer, type Exchange } from './exchange.ts';
import { listObjects } from './list-objects.ts';
import { noSuchBucket, notImplemented, S3Error } from './s3-error.ts';
import { document, element } from './xml.ts';

const BUCKET_NAME = /^[a-z0-9](?!.*\.\.)[a-z0-9.-]{1,61}[a-z0-9]$/;
const CONFIGURATION_BYTES_MAX = 64 * 2 ** 10;
/** Any will do: one server stands for all regions. */
const REGION = 'eu-west-1';

/** Requests about the account or a bucket. */
export const handleBucket = async (exchange: Exchange): Promise<void> => {
  const { request, bucket, query, table } = exchange;
  if (bucket === '') return listBuckets(exchange);
  if (request.method === 'PUT') return createBucket(exchange);
  if (!table.hasBucket(bucket)) throw noSuchBucket();
  switch (request.method) {
    case 'HEAD':
      return headBucket(exchange);
    case 'GET':
      return query.has('location') ? locateBucket(exchange) : listObjects(exchange);
    case 'POST':
      if (query.has('delete')) return deleteObjects(exchange);
      throw notImplemented('POST of a bucket');
    case 'DELETE':
      return deleteBucket(exchange);
    default:
      throw notImplemented(`${request.method ?? 'This method'} of a bucket`);
  }
};

const listBuckets = (exchange: Exchange): void => {
  if (exchange.request.method !== 'GET')
    throw new S3Error('MethodNotAllowed', 'The account can only be listed.');
  allowQuery(exchange);
  const buckets = exchange.table
    .buckets()
    .map(
      ({ name, createdMs }) =>
        `<Bucket>${element('Name', name)}${element('CreationDate', new Date(createdMs).toISOString())}</Bucket>`,
    );
  const list = `<Buckets>${buckets.join('')}</Buckets>`;
  answer(exchange, 200, {}, document('ListAllMyBucketsResult', [list]));
};

const createBucket = async (exchange: Exchange): Promise<void> => {
  const { bucket, table, nowMs } = exchange;
  allowQuery(exchange);
  if (!BUCKET_NAME.test(bucket))
    throw new S3Error('InvalidBucketName', 'The name of the bucket is not valid.');
  // A location says nothing here, but the body must be what was signed.
  await readSmallBody(exchange, CONFIGURATION_BYTES_MAX);
  if (table.hasBucket(bucket))
    throw new S3Error('BucketAlreadyOwnedByYou', 'The bucket exists and is yours.');
  table.addBucket(bucket, nowMs());
  answer(exchange, 200, { location: `/${bucket}` });
};

const headBucket = (exchange: Exchange): void => {
  allowQuery(exchange);
  answer(exchange, 200, { 'x-amz-bucket-region': REGION });
};

const locateBucket = (exchange: Exchange): void => {
  allowQuery(exchange, 'location');
  answer(exchange, 200, {}, document('LocationConstraint', [REGION]));
};

const deleteBucket = (exchange: Exchange): void => {
  const { bucket, table } = exchange;
  allowQuery(exchange);
  for (const _object of table.scan(bucket, '', ''))
    throw new S3Error('BucketNotEmpty', 'The bucket is not empty.');
  table.removeBucket(bucket);
  answer(exchange, 204);
};
