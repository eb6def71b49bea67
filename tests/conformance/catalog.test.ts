import { describe, it } from '@jest/globals';
import { dynamoCatalogUnderTest, memoryCatalogUnderTest } from '../support/catalogs-under-test.ts';
import { openDynamo, startDynamo } from '../support/dynamo.ts';
import { catalogSuite } from './catalog.suite.ts';

catalogSuite('memory', memoryCatalogUnderTest);
catalogSuite('DynamoDB, the local emulator', async () =>
  dynamoCatalogUnderTest(await startDynamo()),
);

const endpoint = process.env['HOLDFAST_TEST_DYNAMO_ENDPOINT'];
if (endpoint === undefined)
  describe('catalog: another DynamoDB', () => {
    it.todo('not run: HOLDFAST_TEST_DYNAMO_ENDPOINT is not set');
  });
else
  catalogSuite(`DynamoDB at ${endpoint}`, async () =>
    dynamoCatalogUnderTest(await openDynamo(endpoint)),
  );
