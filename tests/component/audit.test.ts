import { beforeEach, describe, expect, it } from '@jest/globals';
import { inVault } from '../../lib/adapters/memory/memory-catalog-state.ts';
import {
  commitMarkerKey,
  manifestKey,
  packKey,
  vaultKeyKey,
} from '../../lib/format/object-keys.ts';
import type { Backup } from '../../lib/model/backup.ts';
import type { FindingKind } from '../../lib/model/finding.ts';
import { auditVault } from '../../lib/service/audit-vault.ts';
import { collect, collectorWorld, hide, keysOf } from '../support/collector-scenario.ts';
import { writeBlock } from '../support/data-scenario.ts';
import { backUp, beginBackup, type DataWorld, DISK, PROJECT } from '../support/data-world.ts';

const HOUR_MS = 3_600_000;
const NEVER = Number.MAX_SAFE_INTEGER;

let world: DataWorld;
let first: Backup;
let second: Backup;
/** A pack that both backups name; the first one is hidden, and can be taken back. */
let shared: string;

beforeEach(async () => {
  world = await collectorWorld(4, { windowMs: HOUR_MS, sessionsKeptMs: HOUR_MS });
  for (const [block, text] of ['a', 'b', 'c', 'd'].entries()) await writeBlock(world, block, text);
  first = await backUp(world);
  shared = packs()[0]!.id;
  for (const [block, text] of ['x', 'y'].entries()) await writeBlock(world, block, text);
  second = await backUp(world);
  await hide(world, first);
  await collect(world);
});

const packs = () => [...world.state.packs.values()];
const objects = () => world.objects.objects;
const address = () => ({ projectId: PROJECT, vaultId: world.vaultId });
const audit = () => auditVault(address(), NEVER, world.ports);
const kindsOf = async () => (await audit()).findings.map(({ kind, id }) => [kind, id]);
const pack = () => world.state.packs.get(inVault(world.vaultId, shared))!;
const keyOfPack = () => packKey(address(), shared);
const segmentOf = ({ manifest }: Backup) => keysOf(world, `${manifest!.sessionId}/segments/`)[0]!;

/** Name, how it is broken, what is found, in whom. */
type Damage = [string, () => void, FindingKind, () => string];
const DAMAGES: Damage[] = [
  [
    'a manifest that is gone',
    () => objects().delete(manifestKey(address(), second.manifest!.sessionId)),
    'backup-unreadable',
    () => second.id,
  ],
  [
    'a segment of a hidden backup that is gone',
    () => objects().delete(segmentOf(first)),
    'backup-unreadable',
    () => first.id,
  ],
  ['a pack without an item', () => void forget(), 'pack-missing', () => shared],
  [
    'a pack that is being deleted',
    () => {
      pack().state = 'DELETING';
    },
    'pack-missing',
    () => shared,
  ],
  [
    'a pack that has lost a slot',
    () => {
      pack().present[0]! &= ~8;
    },
    'blocks-missing',
    () => shared,
  ],
  [
    'a pack that is not stored',
    () => objects().delete(keyOfPack()),
    'object-missing',
    () => shared,
  ],
  [
    'a pack that nobody names and that is not stored',
    () => {
      const id = 'ab'.repeat(16);
      world.state.packs.set(inVault(world.vaultId, id), { ...pack(), id });
    },
    'object-missing',
    () => 'ab'.repeat(16),
  ],
  [
    'a pack that is too short',
    () => void objects().set(keyOfPack(), objects().get(keyOfPack())!.slice(1)),
    'object-size',
    () => shared,
  ],
  [
    'a key that is not stored',
    () => objects().delete(vaultKeyKey(address(), world.keyId)),
    'key-missing',
    () => world.keyId,
  ],
  [
    'a backup that the catalog has forgotten, and its session',
    () => {
      world.state.backups.delete(second.id);
      world.state.sessions.delete(inVault(world.vaultId, second.manifest!.sessionId));
      world.state.usage.get(world.vaultId)!.backupCount = 0;
    },
    'session-unknown',
    () => second.manifest!.sessionId,
  ],
  [
    'a commit that the catalog has not seen',
    () => {
      const [id] = [...world.state.sessions.values()].map((session) => session.id);
      const session = { ...world.state.sessions.get(inVault(world.vaultId, id!))! };
      session.id = '99999999-9999-4999-8999-999999999999';
      world.state.sessions.set(inVault(world.vaultId, session.id), { ...session, state: 'FENCED' });
      objects().set(commitMarkerKey(address(), session.id), new Uint8Array(1));
    },
    'session-unknown',
    () => '99999999-9999-4999-8999-999999999999',
  ],
  ['used bytes that are too many', () => use(1), 'used-bytes', () => world.vaultId],
  ['used bytes that are too few', () => use(-1), 'used-bytes', () => world.vaultId],
  [
    'a number of backups',
    () => {
      world.state.usage.get(world.vaultId)!.backupCount = 2;
    },
    'backup-count',
    () => world.vaultId,
  ],
];

const everything = () => structuredClone([world.state, objects()]);
const forget = () => world.state.packs.delete(inVault(world.vaultId, shared));
const use = (bytes: number) => {
  world.state.usage.get(world.vaultId)!.usedBytes += bytes;
};

describe('an audit', () => {
  it('finds nothing wrong with a vault that is whole', async () => {
    expect(await audit()).toEqual({
      isAudited: true,
      found: 0,
      findings: [],
      affectedBackups: [],
      packs: 2,
      quarantined: 0,
      leftovers: 0,
      isUsageChecked: true,
    });
    expect(world.probe.problems).toEqual([]);
    expect(world.notifier.sent).toEqual([]);
  });

  it.each(DAMAGES)('names %s, and changes nothing', async (_, spoil, kind, id) => {
    spoil();
    const before = everything();
    const findings = await kindsOf();
    expect(findings).toContainEqual([kind, id()]);
    // What is not stored is also not used.
    expect(findings.filter(([found]) => found !== kind && found !== 'used-bytes')).toEqual([]);
    expect(everything()).toEqual(before);
  });

  it('names a disk whose counts are wrong', async () => {
    const { catalog } = world.ports;
    const backupCounts = async () => [{ diskId: DISK, backupCount: 1, backupBytes: 7 }];
    const vaults = { ...catalog.vaults, backupCounts };
    const report = await auditVault(address(), NEVER, {
      ...world.ports,
      catalog: { ...catalog, vaults },
    });
    expect(report.findings).toMatchObject([{ kind: 'disk-count', id: DISK }]);
  });

  it('names a state whose backups are counted wrong: lists would show a wrong total', async () => {
    const { catalog } = world.ports;
    for (const wrong of [{ available: 2 }, { available: 1, error: 1 }, {}]) {
      const backups = { ...catalog.backups, counts: async () => wrong };
      const report = await auditVault(address(), NEVER, {
        ...world.ports,
        catalog: { ...catalog, backups },
      });
      expect(report.findings).toMatchObject([{ kind: 'backup-count', id: world.vaultId }]);
    }
  });

  it('tells log and owner, and which backups are concerned', async () => {
    objects().delete(keyOfPack());
    const { affectedBackups } = await audit();
    expect(affectedBackups.toSorted()).toEqual([first.id, second.id].toSorted());
    expect(world.probe.problems).toContainEqual(
      expect.objectContaining({
        event: 'audit.finding',
        facts: { vaultId: world.vaultId, kind: 'object-missing', id: shared },
      }),
    );
    const [notice] = world.notifier.sent;
    expect(notice).toMatchObject({ type: 'vault.audit-findings', found: 2 });
    await audit();
    expect(world.notifier.sent[1]).toEqual(notice);
  });

  it('counts what is for the collector and what is known, and calls neither damage', async () => {
    pack().state = 'QUARANTINED';
    objects().set(packKey(address(), 'cd'.repeat(16)), new Uint8Array(9));
    expect(await audit()).toMatchObject({ found: 0, quarantined: 1, leftovers: 1 });
  });

  it('does not judge used bytes while a cycle has not counted them', async () => {
    await world.ports.catalog.garbage.begin(world.vaultId, 'cut off');
    use(1);
    expect(await audit()).toMatchObject({ found: 0, isUsageChecked: false });
  });

  it('leaves a vault alone that is gone or on its way', async () => {
    world.state.vaults.get(world.vaultId)!.status = 'deleting';
    expect(await audit()).toMatchObject({ isAudited: false });
    world.state.vaults.delete(world.vaultId);
    expect(await audit()).toMatchObject({ isAudited: false });
  });

  it('has nothing to say about a backup that was never finished', async () => {
    await beginBackup(world);
    expect(await audit()).toMatchObject({ found: 0 });
  });
});
