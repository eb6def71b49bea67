/**
 * Peak memory of what one cycle of the collector keeps of a large vault: objects as the store lists
 * them, packs as the catalog has them, and the mark. The survey and the plan are the real ones; the
 * store and the catalog make up what they answer, and segments are not read: the mark is filled as
 * they would fill it.
 *
 *     node bench/collector-memory.ts [<packs> <segments>]
 *
 * prints one line of JSON, in bytes. 1,048,576 packs of 128 blocks, each 256 KiB when stored, are a
 * full disk of 64 TiB; each backup that finds changes in every GiB of it has 65,536 segments.
 */
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { planGarbage } from '../lib/engine/plan-garbage.ts';
import { horizonOf, type Surveying, surveyVault } from '../lib/engine/survey-vault.ts';
import { backupsPrefix, packKey, packsPrefix, segmentKey } from '../lib/format/object-keys.ts';
import { derivedUuid } from '../lib/model/ids.ts';
import { allSlots, type Pack } from '../lib/model/pack.ts';

const VAULT = { projectId: 'bench', vaultId: derivedUuid('vault') };
const SLOTS = 128;
const SEGMENTS_OF_A_BACKUP = 65_536;

const idOf = (number: number): string => derivedUuid('pack', String(number)).replaceAll('-', '');
const sessionOf = (segment: number): string =>
  derivedUuid('session', String(Math.floor(segment / SEGMENTS_OF_A_BACKUP)));

const surveying = (packs: number, segments: number): Surveying => {
  const objects = {
    async *list(prefix: string) {
      if (prefix === packsPrefix(VAULT))
        for (let n = 0; n < packs; n++) yield { key: packKey(VAULT, idOf(n)), sizeBytes: 2 ** 25 };
      if (prefix === backupsPrefix(VAULT))
        for (let n = 0; n < segments; n++) {
          const number = n % SEGMENTS_OF_A_BACKUP;
          const key = segmentKey(VAULT, sessionOf(n), number, idOf(n));
          yield { key, sizeBytes: 75_000 };
        }
    },
  };
  const present = allSlots(SLOTS);
  const pack = (n: number): Pack => ({
    vaultId: VAULT.vaultId,
    id: idOf(n),
    state: 'SEALED',
    keyId: VAULT.vaultId,
    sessionId: sessionOf(0),
    slotCount: SLOTS,
    present: present.slice(),
    lastRefEpoch: 1,
    storedBytes: 2 ** 25,
  });
  const catalog = {
    garbage: {
      observeUsage: async () => ({ usedBytes: 0, openSessions: [] }),
      async *endedSessions() {},
      async *packs() {
        for (let n = 0; n < packs; n++) yield pack(n);
      },
    },
    sessions: { listOpen: async () => [] },
    backups: { async *roots() {} },
  };
  return { ...VAULT, catalog, objects, vaultKeys: {} } as unknown as Surveying;
};

const measure = async (packs: number, segments: number): Promise<object> => {
  const startMs = performance.now();
  const { facts } = await surveyVault(surveying(packs, segments), 0, async (open) => ({
    epoch: 3,
    m0: horizonOf(open, 3),
  }));
  for (let n = 0; n < packs; n++) {
    const bits = new Uint8Array(32);
    bits.set(allSlots(n % 4 === 0 ? SLOTS / 2 : SLOTS));
    facts.mark.live.set(idOf(n), bits);
  }
  for (let n = 0; n < segments; n++) facts.mark.segments.add(idOf(n));
  const { steps } = planGarbage(facts);
  const status = await readFile('/proc/self/status', 'utf8');
  const peakBytes = Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
  const seconds = Math.round((performance.now() - startMs) / 1000);
  return { packs, segments, steps: steps.length, peakBytes, seconds };
};

const VAULTS = [
  [0, 0],
  [262_144, 65_536],
  [1_048_576, 65_536],
  [1_048_576, 1_048_576],
];

const [packs, segments] = process.argv.slice(2).map(Number);
if (packs !== undefined && segments !== undefined) {
  process.stdout.write(JSON.stringify(await measure(packs, segments)));
} else {
  const rows: unknown[] = [];
  for (const sizes of VAULTS) {
    const args = [
      '--max-old-space-size=8192',
      fileURLToPath(import.meta.url),
      ...sizes.map(String),
    ];
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 600_000 });
    rows.push(JSON.parse(stdout));
  }
  process.stdout.write(`${JSON.stringify(rows)}\n`);
}
