import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { describe, expect, it } from '@jest/globals';
import { s3ClientOptions, s3ObjectStore } from '../../lib/adapters/aws/s3-object-store.ts';
import { S3_LIMITS } from '../../lib/adapters/aws/s3-requests.ts';
import { memoryObjectStore } from '../../lib/adapters/memory/memory-object-store.ts';
import { startS3Server } from '../../local/s3-server/server.ts';
import { type ConnectedStore, objectStoreSuite } from './object-store.suite.ts';

objectStoreSuite('memoryObjectStore', async () => {
  const store = memoryObjectStore();
  return {
    store,
    overwrite: async (key, bytes) => {
      store.objects.set(key, bytes);
    },
    close: async () => {},
  };
});

objectStoreSuite('s3ObjectStore on the local server', async () => {
  const { client, close } = await localS3();
  await client.send(new CreateBucketCommand({ Bucket: 'bucket' }));
  return { ...connected(client, 'bucket'), close };
});

// A real endpoint, when the environment names one; credentials as the SDK finds them.
const endpoint = process.env['HOLDFAST_TEST_S3_ENDPOINT'];
const bucket = process.env['HOLDFAST_TEST_S3_BUCKET'];
if (endpoint !== undefined && bucket !== undefined) {
  objectStoreSuite(`s3ObjectStore on ${endpoint}`, async () =>
    connected(new S3Client(s3ClientOptions(endpoint)), bucket),
  );
} else
  describe('object store: another S3', () => {
    it.todo('not run: HOLDFAST_TEST_S3_ENDPOINT or HOLDFAST_TEST_S3_BUCKET is not set');
  });

describe('s3ObjectStore', () => {
  it('calls no object missing in a bucket that is missing', async () => {
    const { client, close } = await localS3();
    const store = s3ObjectStore(client, 'nowhere');
    const unavailable = expect.objectContaining({ code: 'store.unavailable' });
    await expect(store.get('key')).rejects.toThrow(unavailable);
    await expect(store.getTail('key', 1)).rejects.toThrow(unavailable);
    await expect(store.head('key')).rejects.toThrow(unavailable);
    await expect(store.put('key', new Uint8Array(1))).rejects.toThrow(unavailable);
    await close();
  });
});

async function localS3(): Promise<{ client: S3Client; close: () => Promise<void> }> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-s3-'));
  const credentials = { accessKeyId: 'test', secretAccessKey: 'secret' };
  const server = await startS3Server({
    dir,
    port: 0,
    host: '127.0.0.1',
    credentials: { [credentials.accessKeyId]: credentials.secretAccessKey },
  });
  const client = new S3Client({
    ...s3ClientOptions(server.url),
    region: 'eu-west-1',
    credentials,
  });
  return {
    client,
    close: async () => {
      client.destroy();
      await server.close();
      await rm(dir, { recursive: true });
    },
  };
}

function connected(client: S3Client, Bucket: string): ConnectedStore {
  return {
    // Small pages, so that a short list has several.
    store: s3ObjectStore(client, Bucket, { ...S3_LIMITS, pageKeysMax: 20 }),
    overwrite: async (Key, Body) => {
      await client.send(new PutObjectCommand({ Bucket, Key, Body }));
    },
    close: async () => client.destroy(),
  };
}
