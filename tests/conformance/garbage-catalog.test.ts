import { dynamoCatalogUnderTest, memoryCatalogUnderTest } from '../support/catalogs-under-test.ts';
import { startDynamo } from '../support/dynamo.ts';
import { garbageCatalogSuite } from './garbage-catalog.suite.ts';

garbageCatalogSuite('memory', memoryCatalogUnderTest);
garbageCatalogSuite('DynamoDB, the local emulator', async () =>
  dynamoCatalogUnderTest(await startDynamo()),
);
