import type { CreateTableCommandInput } from '@aws-sdk/client-dynamodb';

type TableDefinition = Omit<CreateTableCommandInput, 'TableName'>;

/** The index of the catalog that lists what a project has, newest first. */
export const BY_PROJECT = 'byProject';

/**
 * Both tables, as CreateTable takes them. `serverless.yml` declares the same for AWS, with
 * point-in-time recovery and deletion protection.
 */
export const DYNAMO_TABLES = {
  /** What we know: `dynamo-catalog/keys.ts` names every item. */
  catalog: {
    AttributeDefinitions: [
      { AttributeName: 'pk', AttributeType: 'S' },
      { AttributeName: 'sk', AttributeType: 'S' },
      { AttributeName: 'gsi1pk', AttributeType: 'S' },
      { AttributeName: 'gsi1sk', AttributeType: 'S' },
    ],
    KeySchema: [
      { AttributeName: 'pk', KeyType: 'HASH' },
      { AttributeName: 'sk', KeyType: 'RANGE' },
    ],
    GlobalSecondaryIndexes: [
      {
        IndexName: BY_PROJECT,
        KeySchema: [
          { AttributeName: 'gsi1pk', KeyType: 'HASH' },
          { AttributeName: 'gsi1sk', KeyType: 'RANGE' },
        ],
        Projection: { ProjectionType: 'ALL' },
      },
    ],
    BillingMode: 'PAY_PER_REQUEST',
  },
  /** The dedup index: `dynamo-block-index.ts`. */
  blocks: {
    AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
    KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
    BillingMode: 'PAY_PER_REQUEST',
  },
} satisfies Record<string, TableDefinition>;
