import type { DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import type { TranslateConfig } from '@aws-sdk/lib-dynamodb';

const ignore = () => undefined;

/**
 * Has no `info`: for that of its own silent logger the SDK copies each answer, without what is
 * secret, before it says nothing.
 */
const SILENT = {
  trace: ignore,
  debug: ignore,
  warn: ignore,
  error: ignore,
} as unknown as NonNullable<DynamoDBClientConfig['logger']>;

/**
 * Every request ends: after 1 s without a connection or 3 s without an answer, and 3 attempts (the
 * SDK retries time-outs, throttling and failures of the service with growing waits).
 */
export const dynamoClientOptions: DynamoDBClientConfig = {
  logger: SILENT,
  maxAttempts: 3,
  retryMode: 'standard',
  requestHandler: {
    connectionTimeout: 1000,
    requestTimeout: 3000,
    throwOnRequestTimeout: true,
    httpAgent: { keepAlive: true, maxSockets: 64 },
    httpsAgent: { keepAlive: true, maxSockets: 64 },
  },
};

/** How values become attributes. An optional field that is `undefined` is no attribute. */
export const dynamoDocumentOptions: TranslateConfig = {
  marshallOptions: { removeUndefinedValues: true },
};
