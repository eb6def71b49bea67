import { describe, expect, it } from '@jest/globals';
import { runLanes } from '../../../lib/engine/run-lanes.ts';

const pause = () => new Promise<void>((resolve) => setImmediate(resolve));

describe('lanes', () => {
  it('run every item once, and never more at a time than there are lanes', async () => {
    const ran: number[] = [];
    let [running, most] = [0, 0];
    await runLanes([1, 2, 3, 4, 5, 6, 7].values(), 3, async (item) => {
      most = Math.max(most, ++running);
      await pause();
      ran.push(item);
      running--;
    });
    expect(ran.toSorted((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(most).toBe(3);
  });

  it('begin nothing after a failure, and tell of the first one when all have stopped', async () => {
    const begun: number[] = [];
    let running = 0;
    const run = runLanes([1, 2, 3, 4, 5].values(), 2, async (item) => {
      begun.push(item);
      running++;
      await pause();
      if (item === 1) await pause();
      running--;
      if (item < 3) throw new Error(`item ${item}`);
    });
    await expect(run).rejects.toThrow('item 2');
    expect(running).toBe(0);
    expect(begun).toEqual([1, 2]);
  });

  it('fail with their source', async () => {
    async function* broken() {
      yield 1;
      throw new Error('no more items');
    }
    await expect(runLanes(broken(), 2, async () => {})).rejects.toThrow('no more items');
  });
});
