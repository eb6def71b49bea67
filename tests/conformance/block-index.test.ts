import { describe, it } from '@jest/globals';
import { dynamoBlockIndex } from '../../lib/adapters/aws/dynamo-block-index.ts';
import { memoryBlockIndex } from '../../lib/adapters/memory/memory-block-index.ts';
import { openDynamo, startDynamo, type TestDynamo } from '../support/dynamo.ts';
import { blockIndexSuite } from './block-index.suite.ts';

const inDynamo = ({ client, tables, close }: TestDynamo) => ({
  index: dynamoBlockIndex(client, tables.blocks),
  close,
});

blockIndexSuite('memory', async () => ({ index: memoryBlockIndex(), async close() {} }));
blockIndexSuite('DynamoDB, the local emulator', async () => inDynamo(await startDynamo()));

const endpoint = process.env['HOLDFAST_TEST_DYNAMO_ENDPOINT'];
if (endpoint === undefined)
  describe('block index: another DynamoDB', () => {
    it.todo('not run: HOLDFAST_TEST_DYNAMO_ENDPOINT is not set');
  });
else blockIndexSuite(`DynamoDB at ${endpoint}`, async () => inDynamo(await openDynamo(endpoint)));
