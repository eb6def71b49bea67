import { expect, it } from '@jest/globals';
import { newestFirst } from '../../../lib/adapters/aws/dynamo-catalog/newest-first.ts';

async function* pages(...of: string[][]) {
  for (const page of of) yield page.map((gsi1sk) => ({ gsi1sk }));
}

const merged = async (...partitions: string[][][]): Promise<unknown[]> => {
  const found = await Array.fromAsync(newestFirst(partitions.map((of) => pages(...of))));
  return found.flat().map(({ gsi1sk }) => gsi1sk);
};

it('merges partitions whose pages overlap, are empty, or end early', async () => {
  expect(await merged([['9', '5'], [], ['1']], [['8'], ['7', '2']], [], [[]], [['6']])).toEqual([
    '9',
    '8',
    '7',
    '6',
    '5',
    '2',
    '1',
  ]);
  expect(await merged([['3', '2'], ['1']])).toEqual(['3', '2', '1']);
  expect(await merged()).toEqual([]);
});

it('yields what is seen in two partitions once: it went from one to the other meanwhile', async () => {
  expect(
    await merged(
      [['9', '5', '3']],
      [
        ['7', '5'],
        ['3', '1'],
      ],
    ),
  ).toEqual(['9', '7', '5', '3', '1']);
});
