import type { CreateTableCommandInput } from '@aws-sdk/client-dynamodb';

type TableDefinition = Omit<CreateTableCommandInput, 'TableName'>;

/** The index of the catalog that lists what a project has, newest first. */
export const BY_PROJECT = 'byProject';

/**
 * The indexes of the catalog that hold entries of backups and tasks: enough to choose and to sort
 * 100,000 of them (docs/adr/0014-lists-read-entries.md). Each has a partition key of its own.
 */
export const ENTRY_INDEXES = { byStatus: 'gsi2pk', byDisk: 'gsi3pk', byVault: 'gsi4pk' } as const;

type EntryIndex = NonNullable<TableDefinition['GlobalSecondaryIndexes']>[number];

function entryIndexes(): EntryIndex[] {
  return Object.entries(ENTRY_INDEXES).map(([IndexName, partition]) => ({
    IndexName,
    KeySchema: [
      { AttributeName: partition, KeyType: 'HASH' },
      { AttributeName: 'gsi1sk', KeyType: 'RANGE' },
    ],
    Projection: { ProjectionType: 'INCLUDE', NonKeyAttributes: ['entry'] },
  }));
}

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
      { AttributeName: 'gsi2pk', AttributeType: 'S' },
      { AttributeName: 'gsi3pk', AttributeType: 'S' },
      { AttributeName: 'gsi4pk', AttributeType: 'S' },
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
      ...entryIndexes(),
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
