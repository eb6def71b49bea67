import { createHash } from 'node:crypto';
import {
  CopyObjectCommand,
  type CopyObjectCommandInput,
  DeleteObjectCommand,
  type DeleteObjectCommandInput,
  GetObjectCommand,
  type GetObjectCommandInput,
  HeadObjectCommand,
  type HeadObjectCommandInput,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { expect } from '@jest/globals';

export interface ConnectedS3 {
  client: S3Client;
  bucket: string;
  close(): Promise<void>;
}

/** Keys that break a server which escapes or normalises them anywhere. */
export const STRANGE_KEYS = [
  'a b+c',
  "!'()*~-_.",
  'ä/日本/😀',
  '%2F%20%',
  'a//b/',
  'q?x=y&z#f',
  '<&>"\'',
  'tab\tand\u007f',
];

type Extra<Input> = Partial<Omit<Input, 'Bucket' | 'Key'>>;
export type S3Requests = ReturnType<typeof s3Requests>;

/** The requests of the suites, on keys below a prefix of their own. */
export const s3Requests = (connection: () => ConnectedS3, prefix: string) => {
  let count = 0;
  const target = (Key: string) => ({ Bucket: connection().bucket, Key });
  return {
    connection,
    prefix,
    newKey: (): string => `${prefix}objects/${++count}`,
    put: (
      key: string,
      Body: NonNullable<PutObjectCommandInput['Body']>,
      extra: Extra<PutObjectCommandInput> = {},
    ) => connection().client.send(new PutObjectCommand({ ...target(key), Body, ...extra })),
    get: async (key: string, extra: Extra<GetObjectCommandInput> = {}) => {
      const found = await connection().client.send(
        new GetObjectCommand({ ...target(key), ...extra }),
      );
      return { ...found, bytes: Buffer.from((await found.Body?.transformToByteArray()) ?? []) };
    },
    head: (key: string, extra: Extra<HeadObjectCommandInput> = {}) =>
      connection().client.send(new HeadObjectCommand({ ...target(key), ...extra })),
    remove: (key: string, extra: Extra<DeleteObjectCommandInput> = {}) =>
      connection().client.send(new DeleteObjectCommand({ ...target(key), ...extra })),
    copy: (
      from: string,
      key: string,
      extra: Partial<Omit<CopyObjectCommandInput, 'Bucket' | 'Key'>> = {},
    ) => {
      const CopySource = `${connection().bucket}/${from.split('/').map(encodeURIComponent).join('/')}`;
      return connection().client.send(
        new CopyObjectCommand({ ...target(key), CopySource, ...extra }),
      );
    },
  };
};

/** A failed request, as the SDK reports it. */
export const failure = (name: string, httpStatusCode: number) =>
  expect.objectContaining({ name, $metadata: expect.objectContaining({ httpStatusCode }) });

/** The HTTP status of a request that may fail. */
export const statusOf = async (
  request: Promise<{ $metadata: { httpStatusCode?: number | undefined } }>,
): Promise<number | undefined> => {
  try {
    return (await request).$metadata.httpStatusCode;
  } catch (error) {
    if (!(error instanceof S3ServiceException)) throw error;
    return error.$metadata.httpStatusCode;
  }
};

export const digest = (algorithm: 'md5' | 'sha256', bytes: Uint8Array): string =>
  createHash(algorithm).update(bytes).digest('base64');
