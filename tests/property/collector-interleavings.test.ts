import { expect, it } from '@jest/globals';
import { explore, randomChoice } from '../support/collector-actors.ts';

const SEEDS = Number(process.env['HOLDFAST_INTERLEAVINGS'] ?? 60);

it('no order of writers, readers, deletions and collectors loses a block', async () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    const { loss, trace, unexpected } = await explore(randomChoice(seed));
    if (loss !== null || unexpected.length > 0) console.log(seed, trace.join('\n'));
    expect({ seed, loss, unexpected }).toEqual({ seed, loss: null, unexpected: [] });
  }
}, 3_600_000);
