import { randomBytes, randomUUID } from 'node:crypto';
import type { Backup, Checkpoint } from '../../lib/model/backup.ts';
import type { AccessKey } from '../../lib/model/credential.ts';
import type { OperationLog } from '../../lib/model/operation-log.ts';
import { type BackupStats, NO_STATS, type Session } from '../../lib/model/session.ts';
import type { UsageSample } from '../../lib/model/usage-ledger.ts';
import type { Binding, Vault, WrappedKey } from '../../lib/model/vault.ts';
import type { Catalog } from '../../lib/ports/catalog.ts';

/** The time at which everything is made, unless a test says otherwise. */
export const AT_MS = 1_700_000_000_000;

export const someAccessKey = (fields: Partial<AccessKey> = {}): AccessKey => ({
  id: randomBytes(10).toString('hex').toUpperCase(),
  projectId: randomUUID(),
  userId: 'user',
  role: 'Full',
  createdAtMs: AT_MS,
  provider: 'memory',
  wrapped: Uint8Array.from(randomBytes(60)),
  ...fields,
});

export const someVault = (fields: Partial<Vault> = {}): Vault => ({
  id: randomUUID(),
  projectId: randomUUID(),
  name: 'vault',
  description: '',
  status: 'available',
  sizeGib: 100,
  chargingMode: 'post_paid',
  consistentLevel: 'crash_consistent',
  objectType: 'disk',
  protectType: 'backup',
  threshold: 80,
  smnNotify: true,
  autoExpand: false,
  autoBind: true,
  bindRules: { tags: [{ key: 'tier', value: 'gold' }] },
  locked: false,
  tags: [{ key: 'team', value: 'blue' }],
  enterpriseProjectId: '0',
  backupNamePrefix: 'nightly',
  userId: 'user',
  keyId: randomUUID(),
  revision: 1,
  createdAtMs: AT_MS,
  updatedAtMs: AT_MS,
  ...fields,
});

export const someKey = (vault: Vault): WrappedKey => ({
  vaultId: vault.id,
  keyId: vault.keyId,
  provider: 'local',
  wrapped: Uint8Array.of(1, 2, 3, 255),
  createdAtMs: AT_MS,
});

export const someBinding = (vault: Vault, fields: Partial<Binding> = {}): Binding => ({
  projectId: vault.projectId,
  vaultId: vault.id,
  diskId: randomUUID(),
  name: 'disk',
  sizeBytes: 1_000_000_007,
  createdAtMs: AT_MS,
  ...fields,
});

export const someBackup = (binding: Binding, fields: Partial<Backup> = {}): Backup => ({
  id: randomUUID(),
  projectId: binding.projectId,
  vaultId: binding.vaultId,
  checkpointId: randomUUID(),
  operationLogId: randomUUID(),
  name: 'backup',
  description: '',
  disk: {
    id: binding.diskId,
    name: binding.name,
    sizeBytes: binding.sizeBytes,
    availabilityZone: 'local-1',
  },
  status: 'waiting_protect',
  root: 'NONE',
  incremental: true,
  autoTrigger: false,
  createdAtMs: AT_MS,
  updatedAtMs: AT_MS,
  ...fields,
});

export const someTask = (backup: Backup, fields: Partial<OperationLog> = {}): OperationLog => ({
  id: backup.operationLogId,
  projectId: backup.projectId,
  type: 'backup',
  status: 'waiting',
  vaultId: backup.vaultId,
  vaultName: 'vault',
  checkpointId: backup.checkpointId,
  backupId: backup.id,
  backupName: backup.name,
  disk: { id: backup.disk.id, name: backup.disk.name },
  totalBytes: 0,
  cancelRequested: false,
  restarts: 0,
  requestId: randomUUID(),
  createdAtMs: AT_MS,
  updatedAtMs: AT_MS,
  ...fields,
});

/** A task of a backup that the catalog does not know. */
export const looseTask = (fields: Partial<OperationLog> = {}): OperationLog => {
  const backup = someBackup(someBinding(someVault()));
  return { ...someTask(backup), type: 'verify', ...fields };
};

export const someCheckpoint = (vault: Vault, fields: Partial<Checkpoint> = {}): Checkpoint => ({
  id: randomUUID(),
  projectId: vault.projectId,
  vaultId: vault.id,
  vaultName: vault.name,
  name: 'run',
  description: '',
  backups: [{ backupId: randomUUID(), diskId: 'd1', diskName: 'disk', sizeBytes: 512 }],
  skipped: [{ id: 'd2', type: 'disk', name: 'other', code: 'BackupService.7003', reason: 'busy' }],
  createdAtMs: AT_MS,
  ...fields,
});

export const someSession = (backup: Backup, fields: Partial<OpenSession> = {}): OpenSession => ({
  vaultId: backup.vaultId,
  id: randomUUID(),
  kind: 'write',
  backupId: backup.id,
  operationLogId: backup.operationLogId,
  quarantined: [],
  leaseUntilMs: AT_MS + 60_000,
  createdAtMs: AT_MS,
  ...fields,
});

export type OpenSession = Parameters<Catalog['sessions']['open']>[0];

export const somePackId = (): string => randomBytes(16).toString('hex');

/** A pack of the vault. */
export const packOf = (vault: Pick<Vault, 'id' | 'keyId'>, id: string, sessionId: string) => ({
  vaultId: vault.id,
  id,
  keyId: vault.keyId,
  sessionId,
});

/** An OPEN session that may write into the vault, of a backup that nobody looks at. */
export const givenWriter = (catalog: Catalog, vaultId: string): Promise<Session> =>
  catalog.sessions.open({
    vaultId,
    id: randomUUID(),
    kind: 'write',
    backupId: randomUUID(),
    operationLogId: randomUUID(),
    quarantined: [],
    leaseUntilMs: AT_MS + 60_000,
    createdAtMs: AT_MS,
  });

/** A pack that is OPEN; its session has ended since. */
export const givenOpenPack = async (
  catalog: Catalog,
  vault: Pick<Vault, 'id' | 'keyId'>,
  id = somePackId(),
) => {
  const writer = await givenWriter(catalog, vault.id);
  const pack = packOf(vault, id, writer.id);
  await catalog.packs.open(pack);
  await catalog.sessions.end(vault.id, writer.id, 'ABORTED');
  return pack;
};

export const someStats = (fields: Partial<BackupStats> = {}): BackupStats => ({
  ...NO_STATS,
  readBytes: 4096,
  newBytes: 2048,
  storedBytes: 1024,
  ...fields,
});

export const commitOf = (backup: Backup, sessionId: string, stats = someStats()) => ({
  vaultId: backup.vaultId,
  sessionId,
  projectId: backup.projectId,
  backupId: backup.id,
  manifestSha256: 'a'.repeat(64),
  stats,
  atMs: AT_MS + 5000,
});

/** What the vault held at `AT_MS`. */
export const someSample = (vault: Vault, fields: Partial<UsageSample> = {}): UsageSample => ({
  projectId: vault.projectId,
  vaultId: vault.id,
  atMs: AT_MS,
  usedBytes: 1000,
  backupCount: 1,
  ...fields,
});

/** A vault that is in the catalog. */
export const givenVault = async (catalog: Catalog, fields: Partial<Vault> = {}) => {
  const vault = someVault(fields);
  await catalog.vaults.create(vault, someKey(vault));
  return vault;
};

/** A disk that is bound to the vault. */
export const givenBinding = async (catalog: Catalog, vault: Vault) => {
  const binding = someBinding(vault);
  await catalog.vaults.bind(binding);
  return binding;
};

/** A backup that was begun, of a disk of its own. */
export const givenBegun = async (catalog: Catalog, vault: Vault, fields: Partial<Backup> = {}) => {
  const backup = someBackup(await givenBinding(catalog, vault), fields);
  const task = someTask(backup);
  await catalog.backups.begin(backup, task);
  return { backup, task };
};

/** A backup that is `protecting`, with its OPEN session. */
export const givenProtecting = async (
  catalog: Catalog,
  vault: Vault,
  fields: Partial<Backup> = {},
) => {
  const { backup, task } = await givenBegun(catalog, vault, fields);
  await catalog.backups.setStatus(backup.projectId, backup.id, 'protecting', { atMs: AT_MS + 1 });
  const session = await catalog.sessions.open(someSession(backup));
  return { backup, task, session };
};

/** A backup that is `available` and VISIBLE. */
export const givenCommitted = async (
  catalog: Catalog,
  vault: Vault,
  fields: Partial<Backup> = {},
) => {
  const { backup, task, session } = await givenProtecting(catalog, vault, fields);
  await catalog.sessions.commit(commitOf(backup, session.id));
  return { backup, task, session };
};
