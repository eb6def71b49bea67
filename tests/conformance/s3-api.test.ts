import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { startS3Server } from '../../local/s3-server/server.ts';
import { s3ApiSuite } from './s3-api.suite.ts';

s3ApiSuite('S3 API of the local server', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-s3-'));
  const server = await startS3Server({ dir, port: 0, credentials: { test: 'secret' } });
  const client = new S3Client({
    endpoint: server.url,
    region: 'eu-west-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'test', secretAccessKey: 'secret' },
  });
  await client.send(new CreateBucketCommand({ Bucket: 'bucket' }));
  const close = async () => {
    client.destroy();
    await server.close();
    await rm(dir, { recursive: true });
  };
  return { client, bucket: 'bucket', close };
});

// A real endpoint, when the environment names one; credentials as the SDK finds them.
const endpoint = process.env['HOLDFAST_TEST_S3_ENDPOINT'];
const bucket = process.env['HOLDFAST_TEST_S3_BUCKET'];
if (endpoint !== undefined && bucket !== undefined) {
  s3ApiSuite(`S3 API of ${endpoint}`, async () => {
    const client = new S3Client({ endpoint, forcePathStyle: true });
    return { client, bucket, close: async () => client.destroy() };
  });
}
