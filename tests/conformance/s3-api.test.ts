import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetBucketLocationCommand,
  GetObjectCommand,
  ListBucketsCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startS3Server } from '../../local/s3-server/server.ts';
import { s3ApiSuite } from './s3-api.suite.ts';
import { type ConnectedS3, failure } from './s3-api-requests.ts';

s3ApiSuite('the S3 API of the local server', async () => {
  const connected = await connectLocal();
  await connected.client.send(new CreateBucketCommand({ Bucket: connected.bucket }));
  return connected;
});

// A real endpoint, when the environment names one; credentials and region as the SDK finds them.
const endpoint = process.env['HOLDFAST_TEST_S3_ENDPOINT'];
const bucket = process.env['HOLDFAST_TEST_S3_BUCKET'];
if (endpoint !== undefined && bucket !== undefined) {
  s3ApiSuite(`the S3 API of ${endpoint}`, async () => {
    const client = new S3Client({ endpoint, forcePathStyle: true });
    return { client, bucket, close: async () => client.destroy() };
  });
} else
  describe('the S3 API of another server', () => {
    it.todo('not run: HOLDFAST_TEST_S3_ENDPOINT or HOLDFAST_TEST_S3_BUCKET is not set');
  });

describe('buckets of the local server', () => {
  let connected: ConnectedS3;
  beforeEach(async () => {
    connected = await connectLocal();
  });
  afterEach(() => connected.close());

  it('are made, listed and removed', async () => {
    const { client } = connected;
    const names = async () => (await client.send(new ListBucketsCommand({}))).Buckets ?? [];
    for (const Bucket of ['second', 'first.bucket']) {
      await client.send(new CreateBucketCommand({ Bucket }));
    }
    expect((await names()).map(({ Name }) => Name)).toEqual(['first.bucket', 'second']);
    const { LocationConstraint } = await client.send(
      new GetBucketLocationCommand({ Bucket: 'second' }),
    );
    expect(LocationConstraint).toBe('eu-west-1');
    await client.send(new DeleteBucketCommand({ Bucket: 'second' }));
    await expect(client.send(new DeleteBucketCommand({ Bucket: 'second' }))).rejects.toThrow(
      failure('NoSuchBucket', 404),
    );
    expect((await names()).map(({ Name }) => Name)).toEqual(['first.bucket']);
  });

  it('are made once, by a valid name', async () => {
    const { client } = connected;
    await client.send(new CreateBucketCommand({ Bucket: 'bucket' }));
    await expect(client.send(new CreateBucketCommand({ Bucket: 'bucket' }))).rejects.toThrow(
      failure('BucketAlreadyOwnedByYou', 409),
    );
    for (const Bucket of ['no', 'Upper-Case', 'under_score', 'x'.repeat(64), '-first']) {
      await expect(client.send(new CreateBucketCommand({ Bucket }))).rejects.toThrow(
        failure('InvalidBucketName', 400),
      );
    }
  });

  it('keep their objects apart, and stay while they have any', async () => {
    const { client } = connected;
    for (const Bucket of ['one', 'two']) {
      await client.send(new CreateBucketCommand({ Bucket }));
      await client.send(new PutObjectCommand({ Bucket, Key: 'key', Body: Bucket }));
    }
    const copy = { Bucket: 'two', Key: 'copy', CopySource: 'one/key' };
    await client.send(new CopyObjectCommand(copy));
    await client.send(new DeleteObjectCommand({ Bucket: 'one', Key: 'key' }));
    await client.send(new DeleteBucketCommand({ Bucket: 'one' }));
    const { Body } = await client.send(new GetObjectCommand({ Bucket: 'two', Key: 'copy' }));
    expect(await Body?.transformToString()).toBe('one');
    await expect(client.send(new DeleteBucketCommand({ Bucket: 'two' }))).rejects.toThrow(
      failure('BucketNotEmpty', 409),
    );
  });
});

async function connectLocal(): Promise<ConnectedS3> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-s3-'));
  const server = await startS3Server({ dir, port: 0, credentials: { test: 'secret' } });
  const client = new S3Client({
    endpoint: server.url,
    region: 'eu-west-1',
    forcePathStyle: true,
    credentials: { accessKeyId: 'test', secretAccessKey: 'secret' },
  });
  return {
    client,
    bucket: 'bucket',
    close: async () => {
      client.destroy();
      await server.close();
      await rm(dir, { recursive: true });
    },
  };
}
