import { dynamoCatalogUnderTest, memoryCatalogUnderTest } from '../support/catalogs-under-test.ts';
import { startDynamo } from '../support/dynamo.ts';
import { reconcileCatalogSuite } from './reconcile-catalog.suite.ts';

reconcileCatalogSuite('memory', memoryCatalogUnderTest);
reconcileCatalogSuite('DynamoDB, the local emulator', async () =>
  dynamoCatalogUnderTest(await startDynamo()),
);
