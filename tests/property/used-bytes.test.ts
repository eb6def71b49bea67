import { expect, it } from '@jest/globals';
import { gatedPorts, randomChoice } from '../support/collector-actors.ts';
import { collect, collectorWorld, hide, storedBytes } from '../support/collector-scenario.ts';
import { writeBlock } from '../support/data-scenario.ts';
import { backUp, beginBackup, runJob } from '../support/data-world.ts';
import { Interleaving } from '../support/interleaving.ts';

const SEEDS = 60;

it('a commit is counted once, whenever it lands while used bytes are counted', async () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    const world = await collectorWorld(6);
    for (let block = 0; block < 6; block++) await writeBlock(world, block, `a${block}`);
    const first = await backUp(world);
    for (const block of [1, 2, 3, 4, 5]) await writeBlock(world, block, `b${block}`);
    await hide(world, first);
    const { event } = await beginBackup(world);
    const order = new Interleaving();
    const portsOf = (name: string) => gatedPorts(name, world, order);
    const actors = [
      { name: 'backup', run: () => runJob('backup', event, portsOf('backup')) },
      { name: 'collector', run: () => collect(world, portsOf('collector')) },
    ];
    expect([...(await order.run(actors, randomChoice(seed))).values()]).toEqual([]);
    const { usedBytes } = await world.ports.catalog.vaults.usage(world.vaultId);
    expect({ seed, usedBytes }).toEqual({ seed, usedBytes: storedBytes(world) });
  }
}, 120_000);
