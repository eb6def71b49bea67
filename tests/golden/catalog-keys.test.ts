import { expect, it } from '@jest/globals';
import {
  entriesOf,
  keys,
  listed,
  madeBetween,
  place,
  placeOf,
  prefixes,
  projectPartition,
} from '../../lib/adapters/aws/dynamo-catalog/keys.ts';

/** Stored keys are for ever: a change here loses what is stored. */
it('the keys of the catalog never change', () => {
  const record = { projectId: 'p1', id: 'r1', createdAtMs: 1_700_000_000_000 };
  expect({
    vault: keys.vault('v1'),
    epoch: keys.epoch('v1'),
    usage: keys.usage('v1'),
    vaultKey: keys.vaultKey('v1', 'k1'),
    binding: keys.binding('v1', 'd1'),
    backupCount: keys.backupCount('v1', 'd1'),
    backup: keys.backup('v1', 1_700_000_000_000, 'b1'),
    session: keys.session('v1', 's1'),
    openSession: keys.openSession('v1', 's1'),
    range: keys.range('v1', 's1', 64),
    pack: keys.pack('v1', 'a1'),
    quarantinedPack: keys.quarantinedPack('v1', 'a1'),
    vaultMark: keys.vaultMark('v1'),
    diskPointer: keys.diskPointer('d1'),
    backupPointer: keys.backupPointer('b1'),
    policy: keys.policy('p1', 'o1'),
    policyCount: keys.policyCount('p1', 'backup'),
    appliedPolicy: keys.appliedPolicy('p1', 'v1', 'replication'),
    vaultChange: keys.vaultChange('p1', 'v1', 2),
    sampledDay: keys.sampledDay('p1', 1_699_920_000_000, 'v1'),
    checkpoint: keys.checkpoint('c1'),
    task: keys.task('t1'),
    progress: keys.progress('t1', 64),
    unfinishedTask: keys.unfinishedTask(1_700_000_000_000, 't1'),
    endedTask: keys.endedTask(1_700_000_000_000, 't1'),
    credential: keys.credential('ff00'),
    accessKey: keys.accessKey('AK1'),
    issuedToken: keys.issuedToken('ff00'),
    signature: keys.signature('AK1', 'ff00'),
    requestCount: keys.requestCount('AK1', 1_700_000_000),
    listedVault: listed('VAULT', record),
    listedUsage: listed('USAGE', record),
    listedCredential: listed('CREDENTIAL', record),
    listedAccessKey: listed('ACCESS_KEY', record),
    place: place(record),
    backupsInStatus: entriesOf.backupsInStatus('p1', 'available'),
    backupsOf: entriesOf.backupsOf('p1', 'v1'),
    tasksInStatus: entriesOf.tasksInStatus('p1', 'backup', 'running'),
    tasksOf: entriesOf.tasksOf('p1', 'v1'),
  }).toStrictEqual({
    vault: { pk: 'VAULT#v1', sk: 'VAULT' },
    epoch: { pk: 'VAULT#v1', sk: 'EPOCH' },
    usage: { pk: 'VAULT#v1', sk: 'USAGE' },
    vaultKey: { pk: 'VAULT#v1', sk: 'KEY#k1' },
    binding: { pk: 'VAULT#v1', sk: 'DISK#d1' },
    backupCount: { pk: 'VAULT#v1', sk: 'COUNT#d1' },
    backup: { pk: 'VAULT#v1', sk: 'BACKUP#001700000000000#b1' },
    session: { pk: 'VAULT#v1', sk: 'SESSION#s1' },
    openSession: { pk: 'VAULT#v1', sk: 'OPEN#s1' },
    range: { pk: 'VAULT#v1', sk: 'RANGE#s1#000000000000064' },
    pack: { pk: 'VAULT#v1', sk: 'PACK#a1' },
    quarantinedPack: { pk: 'VAULT#v1', sk: 'QUARANTINED#a1' },
    vaultMark: { pk: 'VAULTS', sk: 'v1' },
    diskPointer: { pk: 'DISK#d1', sk: 'DISK' },
    backupPointer: { pk: 'BACKUP#b1', sk: 'BACKUP' },
    policy: { pk: 'POLICIES#p1', sk: 'POLICY#o1' },
    policyCount: { pk: 'POLICIES#p1', sk: 'COUNT#backup' },
    appliedPolicy: { pk: 'APPLIED', sk: 'p1#v1#replication' },
    vaultChange: { pk: 'LEDGER', sk: 'p1#v1#000000000000002' },
    sampledDay: { pk: 'USAGE#p1', sk: '001699920000000#v1' },
    checkpoint: { pk: 'CHECKPOINT#c1', sk: 'CHECKPOINT' },
    task: { pk: 'TASK#t1', sk: 'TASK' },
    progress: { pk: 'TASK#t1', sk: 'PROGRESS#000000000000064' },
    unfinishedTask: { pk: 'UNFINISHED', sk: '001700000000000#t1' },
    endedTask: { pk: 'ENDED', sk: '001700000000000#t1' },
    credential: { pk: 'CREDENTIAL#ff00', sk: 'CREDENTIAL' },
    accessKey: { pk: 'CREDENTIAL#AK1', sk: 'ACCESS_KEY' },
    issuedToken: { pk: 'TOKEN#ff00', sk: 'TOKEN' },
    signature: { pk: 'SIGNATURE#AK1#ff00', sk: 'SIGNATURE' },
    requestCount: { pk: 'REQUESTS#AK1#1700000000', sk: 'REQUESTS' },
    listedVault: { gsi1pk: 'PROJECT#p1#VAULT', gsi1sk: '001700000000000#r1' },
    listedUsage: { gsi1pk: 'PROJECT#p1#USAGE', gsi1sk: '001700000000000#r1' },
    listedCredential: { gsi1pk: 'PROJECT#p1#CREDENTIAL', gsi1sk: '001700000000000#r1' },
    listedAccessKey: { gsi1pk: 'PROJECT#p1#ACCESS_KEY', gsi1sk: '001700000000000#r1' },
    place: '001700000000000#r1',
    backupsInStatus: 'PROJECT#p1#BACKUP#available',
    backupsOf: 'PROJECT#p1#BACKUP#v1',
    tasksInStatus: 'PROJECT#p1#TASK#backup#running',
    tasksOf: 'PROJECT#p1#TASK#v1',
  });
});

it('every query asks for the keys of its kind and no others', () => {
  const asked = (prefix: { pk: string; sk: string }, key: { pk: string; sk: string }) =>
    prefix.pk === key.pk && key.sk.startsWith(prefix.sk);
  expect(asked(prefixes.bindings('v1'), keys.binding('v1', 'd1'))).toBe(true);
  expect(asked(prefixes.backupCounts('v1'), keys.backupCount('v1', 'd1'))).toBe(true);
  expect(asked(prefixes.backups('v1'), keys.backup('v1', 1, 'b1'))).toBe(true);
  expect(asked(prefixes.openSessions('v1'), keys.openSession('v1', 's1'))).toBe(true);
  expect(asked(prefixes.sessions('v1'), keys.session('v1', 's1'))).toBe(true);
  expect(asked(prefixes.packs('v1'), keys.pack('v1', 'a1'))).toBe(true);
  expect(asked(prefixes.vaultMarks(), keys.vaultMark('v1'))).toBe(true);
  expect(asked(prefixes.vault('v1'), keys.epoch('v1'))).toBe(true);
  expect(asked(prefixes.vault('v1'), keys.epoch('v10'))).toBe(false);
  expect(asked(prefixes.ranges('v1', 's1'), keys.range('v1', 's1', 0))).toBe(true);
  expect(asked(prefixes.ranges('v1', 's1'), keys.range('v1', 's10', 0))).toBe(false);
  expect(asked(prefixes.quarantinedPacks('v1'), keys.quarantinedPack('v1', 'a1'))).toBe(true);
  expect(asked(prefixes.policies('p1'), keys.policy('p1', 'o1'))).toBe(true);
  expect(asked(prefixes.policies('p1'), keys.policyCount('p1', 'backup'))).toBe(false);
  const applied = keys.appliedPolicy('p1', 'v1', 'backup');
  expect(asked(prefixes.appliedPolicies('p1'), applied)).toBe(true);
  expect(asked(prefixes.appliedPolicies('p'), applied)).toBe(false);
  expect(asked(prefixes.appliedPolicies(), applied)).toBe(true);
  const change = keys.vaultChange('p1', 'v1', 2);
  expect(asked(prefixes.vaultChanges('p1'), change)).toBe(true);
  expect(asked(prefixes.vaultChanges('p'), change)).toBe(false);
  expect(asked(prefixes.vaultChanges(), change)).toBe(true);
  const day = keys.sampledDay('p1', 86_400_000, 'v1');
  expect(asked(prefixes.sampledDay('p1', 86_400_000), day)).toBe(true);
  expect(asked(prefixes.sampledDay('p1', 0), day)).toBe(false);
  expect(asked(prefixes.sampledDays('p1'), day)).toBe(true);
  expect(asked(prefixes.taskAndProgress('t1'), keys.progress('t1', 0))).toBe(true);
  expect(asked(prefixes.unfinishedTasks(), keys.unfinishedTask(1, 't1'))).toBe(true);
  expect(projectPartition('p1', 'USAGE')).toBe('PROJECT#p1#USAGE');
  const [from, to] = madeBetween(1, 2)!;
  const stands = (createdAtMs: number) => place({ createdAtMs, id: 'ffff' });
  expect([1, 2].every((at) => from < stands(at) && stands(at) < to)).toBe(true);
  expect([0, 3].some((at) => from < stands(at) && stands(at) < to)).toBe(false);
  expect(placeOf(place({ createdAtMs: 7, id: 'r1' }))).toEqual({ createdAtMs: 7, id: 'r1' });
});
