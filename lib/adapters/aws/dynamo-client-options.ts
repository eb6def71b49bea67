import type { DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import type { TranslateConfig } from '@aws-sdk/lib-dynamodb';

/**
 * Every request ends: after 1 s without a connection or 3 s without an answer, and 3 attempts (the
 * SDK retries time-outs, throttling and failures of the service with growing waits).
 */
export const dynamoClientOptions: DynamoDBClientConfig = {
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
