import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import type { Catalog } from '../../../ports/catalog.ts';
import { dynamoAccessKeys } from './access-keys.ts';
import { dynamoBackups } from './backups.ts';
import { catalogTable } from './catalog-table.ts';
import { dynamoCredentials } from './credentials.ts';
import { dynamoGarbage } from './garbage.ts';
import { dynamoPacks } from './packs.ts';
import { dynamoPolicies } from './policies.ts';
import { dynamoReconciling } from './reconcile.ts';
import { dynamoRequests } from './requests.ts';
import { dynamoSessions } from './sessions.ts';
import { SETTLE_LIMITS } from './settle.ts';
import { dynamoTasks } from './tasks.ts';
import { dynamoUsageLedger } from './usage-ledger.ts';
import { dynamoVaults } from './vaults.ts';

/** The catalog in one DynamoDB table (`DYNAMO_TABLES.catalog`). */
export const dynamoCatalog = (
  client: DynamoDBDocumentClient,
  tableName: string,
  limits = SETTLE_LIMITS,
): Catalog => {
  const table = catalogTable(client, tableName, limits);
  return {
    vaults: dynamoVaults(table),
    backups: dynamoBackups(table),
    policies: dynamoPolicies(table),
    sessions: dynamoSessions(table),
    packs: dynamoPacks(table),
    garbage: dynamoGarbage(table),
    ledger: dynamoUsageLedger(table),
    reconciling: dynamoReconciling(table),
    tasks: dynamoTasks(table),
    credentials: dynamoCredentials(table),
    accessKeys: dynamoAccessKeys(table),
    requests: dynamoRequests(table),
  };
};
