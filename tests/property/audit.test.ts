import { expect, it } from '@jest/globals';
import type { Finding } from '../../lib/model/finding.ts';
import { auditVault } from '../../lib/service/audit-vault.ts';
import { explore, randomChoice } from '../support/collector-actors.ts';
import { PROJECT } from '../support/data-world.ts';

const SEEDS = Number(process.env['HOLDFAST_INTERLEAVINGS'] ?? 60);
const AUDITS = 3;

it('no order of writers, readers, deletions and collectors looks like damage', async () => {
  for (let seed = 0; seed < SEEDS; seed++) {
    const findings: Finding[] = [];
    const { trace, unexpected } = await explore(
      randomChoice(seed),
      undefined,
      ({ vaultId }, portsOf) => ({
        name: 'auditor',
        run: async () => {
          for (let audit = 0; audit < AUDITS; audit++) {
            const report = await auditVault({ projectId: PROJECT, vaultId }, portsOf('auditor'));
            findings.push(...report.findings);
          }
        },
      }),
    );
    if (findings.length > 0) console.log(seed, trace.join('\n'));
    expect({ seed, findings, unexpected }).toEqual({ seed, findings: [], unexpected: [] });
  }
}, 3_600_000);
