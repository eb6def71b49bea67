import { executeReconciliation, fenceSessions } from '../engine/execute-reconciliation.ts';
import { planReconciliation, type ReconciliationPlan } from '../engine/plan-reconciliation.ts';
import { putMissingDocuments } from '../engine/prepare-vault.ts';
import { listStoredVaults, readStoredVault, type StoredVault } from '../engine/stored-vaults.ts';
import {
  type KnownVault,
  readKnownVault,
  surveyReconciliation,
} from '../engine/survey-reconciliation.ts';
import { type VaultKeys, vaultKeys } from '../engine/vault-keys.ts';
import { HoldfastError } from '../errors.ts';
import type { ProjectId, VaultId } from '../model/ids.ts';
import { newVault, type Vault } from '../model/vault.ts';
import type { DataPorts } from './data-ports.ts';
import { orNull } from './or-null.ts';

export type ReconcilePorts = Pick<
  DataPorts,
  'catalog' | 'index' | 'objects' | 'keys' | 'clock' | 'ids' | 'probe'
> & { availabilityZone: string };

export interface VaultToReconcile {
  projectId: ProjectId;
  vaultId: VaultId;
}

/** The run that a vault was given to: its vault is RECONCILING. */
export type ReconciliationRun = VaultToReconcile &
  Awaited<ReturnType<DataPorts['catalog']['reconciling']['begin']>>;

/** What a reconciliation did, or would do. */
export interface ReconciliationReport {
  /** The vault was not in the catalog: its settings are defaults. */
  isNew: boolean;
  plan: ReconciliationPlan;
}

/** Every vault that S3 or the catalog knows. */
export const findVaults = async ({
  objects,
  catalog,
}: Pick<ReconcilePorts, 'objects' | 'catalog'>): Promise<VaultToReconcile[]> => {
  const found = new Map<VaultId, VaultToReconcile>();
  for await (const vault of catalog.garbage.vaultIds()) found.set(vault.vaultId, vault);
  for (const vault of await listStoredVaults(objects)) found.set(vault.vaultId, vault);
  return [...found.values()];
};

/** What `reconcileVault` would do now. Writes nothing, in S3 or the catalog. */
export const planVaultReconciliation = async (
  vault: VaultToReconcile,
  ports: ReconcilePorts,
): Promise<ReconciliationReport> => {
  const known = await findVault(vault, ports);
  const stored = known === null ? await readStoredVault(vault, ports) : null;
  return { isNew: known === null, plan: await makePlan({ vault, known, stored, epoch: 0 }, ports) };
};

/**
 * Makes the catalog of a vault agree with its objects: one that was lost is built anew from S3 and
 * the master key, one that was restored to an earlier time is brought up to date. It may be killed
 * at any point and run again, and run on a vault with which nothing is wrong. S3 is only read, but
 * for the vault's key and file, which are put where they are missing.
 */
export const reconcileVault = async (
  vault: VaultToReconcile,
  ports: ReconcilePorts,
): Promise<ReconciliationReport> => {
  const { run, isNew } = await beginReconciliation(vault, ports);
  return { isNew, plan: await finishReconciliation(run, ports) };
};

/**
 * Puts a vault into RECONCILING: no session opens, no cycle begins, those of before are superseded.
 * A vault that the catalog does not know is put there first.
 */
export const beginReconciliation = async (
  { projectId, vaultId }: VaultToReconcile,
  ports: ReconcilePorts,
): Promise<{ run: ReconciliationRun; isNew: boolean }> => {
  const { reconciling } = ports.catalog;
  const vault = { projectId, vaultId };
  const isNew = (await findVault(vault, ports)) === null;
  if (isNew) {
    const stored = await readStoredVault(vault, ports);
    await reconciling.createVault(vaultOf(vault, stored), stored.keys);
  }
  return { run: { ...vault, ...(await reconciling.begin(vaultId, ports.ids.uuid())) }, isNew };
};

/** Does what is to be done, and opens the vault again. */
export const finishReconciliation = async (
  run: ReconciliationRun,
  ports: ReconcilePorts,
): Promise<ReconciliationPlan> => {
  const { catalog, clock, probe } = ports;
  const { projectId, vaultId, epoch } = run;
  const vault = await catalog.vaults.get(projectId, vaultId);
  await fenceSessions({ ...ports, projectId, vaultId });
  await putMissingDocuments(vault, ports);
  const plan = await makePlan({ vault: run, known: vault, stored: null, epoch }, ports);
  await executeReconciliation(plan, {
    ...ports,
    projectId,
    vaultId,
    run,
    vaultKeys: keysOf(run, null, ports),
    indexKeyId: vault.keyId,
    nowMs: clock.nowMs(),
  });
  await catalog.reconciling.end(run);
  probe.note('vault.reconciled', {
    vaultId,
    epoch,
    broughtBack: plan.bringBack.length,
    givenUp: plan.giveUp.length,
    damaged: plan.damaged.length,
  });
  return plan;
};

const findVault = (
  { projectId, vaultId }: VaultToReconcile,
  { catalog }: ReconcilePorts,
): Promise<Vault | null> => orNull(catalog.vaults.get(projectId, vaultId), 'BackupService.6105');

interface Planning {
  vault: VaultToReconcile;
  /** `null`: the catalog has lost it. */
  known: Vault | null;
  stored: StoredVault | null;
  epoch: number;
}

const makePlan = async (
  { vault, known, stored, epoch }: Planning,
  ports: ReconcilePorts,
): Promise<ReconciliationPlan> => {
  const { projectId, vaultId } = vault;
  const { catalog, objects, availabilityZone, clock } = ports;
  const before = known === null ? NOTHING : await readKnownVault(vaultId, catalog);
  const surveying = { projectId, vaultId, objects, vaultKeys: keysOf(vault, stored, ports) };
  const shown = await surveyReconciliation(surveying, before);
  const vaultName = known?.name ?? stored?.file?.name ?? defaultName(vaultId);
  const nowMs = clock.nowMs();
  const facts = { projectId, vaultId, vaultName, availabilityZone, nowMs, epoch, known: before };
  return planReconciliation({ ...facts, ...shown });
};

const NOTHING: KnownVault = { backups: [], packs: [], sessions: [] };

/** The keys that S3 has while the catalog has none. */
const keysOf = (
  { vaultId }: VaultToReconcile,
  stored: StoredVault | null,
  { catalog, keys }: ReconcilePorts,
): VaultKeys => {
  const key = async (_: VaultId, keyId: string) => {
    const found = stored?.keys.find((candidate) => candidate.keyId === keyId);
    if (found === undefined) throw new HoldfastError('key.missing', { what: `key ${keyId}` });
    return found;
  };
  return vaultKeys(vaultId, { vaults: stored === null ? catalog.vaults : { key }, keys });
};

const defaultName = (vaultId: VaultId): string => `vault-${vaultId.slice(0, 8)}`;

/** A vault with what its file says; the rest is not stored in S3 and gets defaults. */
const vaultOf = ({ projectId, vaultId }: VaultToReconcile, { file, keys }: StoredVault): Vault => {
  const [first] = keys;
  return newVault({
    id: vaultId,
    projectId,
    name: file?.name ?? defaultName(vaultId),
    description: '',
    sizeGib: 100,
    threshold: 80,
    smnNotify: true,
    // Whatever it holds, the next backup has room.
    autoExpand: true,
    autoBind: false,
    bindRules: {},
    locked: false,
    tags: [],
    enterpriseProjectId: '0',
    userId: '',
    keyId: first?.keyId ?? '',
    createdAtMs: file?.createdAtMs ?? first?.createdAtMs ?? 0,
  });
};
