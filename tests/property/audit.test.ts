import { expect, it } from '@jest/globals';
import type { Finding } from '../../lib/model/finding.ts';
import { auditVault } from '../../lib/service/audit-vault.ts';
import type { DataPorts } from '../../lib/service/data-ports.ts';
import { explore, gatedPorts, randomChoice } from '../support/collector-actors.ts';
import { collect, collectorWorld, hide } from '../support/collector-scenario.ts';
import { writeBlock } from '../support/data-scenario.ts';
import { backUp, beginBackup, type DataWorld, PROJECT, runJob } from '../support/data-world.ts';
import { Interleaving } from '../support/interleaving.ts';

const SEEDS = Number(process.env['HOLDFAST_INTERLEAVINGS'] ?? 60);
const AUDITS = 3;
const CYCLES = 4;
const NEVER = Number.MAX_SAFE_INTEGER;

const audit = ({ vaultId }: DataWorld, ports: DataPorts) =>
  auditVault({ projectId: PROJECT, vaultId }, NEVER, ports);

it('no order of writers, readers, deletions and collectors looks like damage', async () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    const findings: Finding[] = [];
    const { trace, unexpected } = await explore(randomChoice(seed), {
      also: (world, portsOf) => ({
        name: 'auditor',
        run: async () => {
          for (let nth = 0; nth < AUDITS; nth++)
            findings.push(...(await audit(world, portsOf('auditor'))).findings);
        },
      }),
    });
    if (findings.length > 0) console.log(seed, trace.join('\n'));
    expect({ seed, findings, unexpected }).toEqual({ seed, findings: [], unexpected: [] });
  }
}, 3_600_000);

/** So long after each other that nothing of ended sessions is kept. */
const collectAllOf = async (world: DataWorld, ports: DataPorts): Promise<void> => {
  for (let cycle = 0; cycle < CYCLES; cycle++) {
    world.clock.advance(ports.settings.leaseMs);
    await collect(world, ports);
  }
};

/** What may come between any two calls of an audit, from its beginning to its end. */
const MEANWHILE: [string, (world: DataWorld, ports: DataPorts) => Promise<void>][] = [
  [
    'a backup',
    async (world, ports) => {
      await writeBlock(world, 3, 'new');
      const { event } = await beginBackup(world);
      await runJob('backup', event, ports);
    },
  ],
  [
    'a deletion, and the end of all that it alone named',
    async (world, ports) => {
      for await (const root of world.ports.catalog.backups.roots(world.vaultId))
        if (root.root === 'VISIBLE') await hide(world, root);
      await collectAllOf(world, ports);
    },
  ],
  [
    'a deletion of one of two, after which packs shrink',
    async (world, ports) => {
      const [first] = await Array.fromAsync(world.ports.catalog.backups.roots(world.vaultId));
      await hide(world, first!);
      await collectAllOf(world, ports);
    },
  ],
];

it.each(MEANWHILE)(
  '%s between any two calls does not look like damage',
  async (_, other) => {
    for (let calls = 0; ; calls++) {
      const world = await collectorWorld(4);
      for (const [block, text] of ['a', 'b', 'c', 'd'].entries())
        await writeBlock(world, block, text);
      await backUp(world);
      for (const [block, text] of ['x', 'y'].entries()) await writeBlock(world, block, text);
      await backUp(world);
      await collect(world);
      const order = new Interleaving();
      const findings: Finding[] = [];
      let done = 0;
      const actors = [
        {
          name: 'auditor',
          run: async () => {
            const report = await audit(world, gatedPorts('auditor', world, order));
            findings.push(...report.findings);
          },
        },
        { name: 'other', run: () => other(world, gatedPorts('other', world, order)) },
      ];
      const failures = await order.run(actors, (waiting) => {
        const own = waiting.findIndex(({ actor }) => actor === 'auditor');
        const others = waiting.findIndex(({ actor }) => actor === 'other');
        if (own >= 0 && (done < calls || others < 0)) {
          done++;
          return own;
        }
        return others;
      });
      expect({ calls, findings, failures: [...failures.values()] }).toEqual({
        calls,
        findings: [],
        failures: [],
      });
      if (done < calls) return;
    }
  },
  600_000,
);
