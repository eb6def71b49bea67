import { prepareVault } from '../engine/prepare-vault.ts';
import { HoldfastError } from '../errors.ts';
import type { VaultDetails } from '../model/details.ts';
import type { Disk } from '../model/disk.ts';
import type { PolicyId } from '../model/ids.ts';
import type { Policy } from '../model/policy.ts';
import { newVault, VAULT_LIMITS, type Vault } from '../model/vault.ts';
import type { ApiPorts } from './api-ports.ts';
import { applyTo, checkFits } from './associate-policy.ts';
import { bindDisks, checkDisks, type ResourceRequest } from './bind-disks.ts';
import type { Caller } from './caller.ts';
import { checkTagCount } from './change-vault-tags.ts';
import { takeOffPolicies } from './dissociate-policy.ts';
import { vaultDetails } from './show-vault.ts';

export interface CreateVaultCommand {
  name: string;
  description: string;
  sizeGib: number;
  objectType: string;
  protectType: string;
  consistentLevel: string;
  cloudType: string;
  chargingMode: string;
  multiAz: boolean;
  policyId?: PolicyId | undefined;
  resources: ResourceRequest[];
  tags: { key: string; value: string }[];
  threshold: number;
  smnNotify: boolean;
  autoExpand: boolean;
  autoBind: boolean;
  bindRules: Vault['bindRules'];
  locked: boolean;
  enterpriseProjectId: string;
  backupNamePrefix?: string | undefined;
}

type Ports = Pick<ApiPorts, 'catalog' | 'disks' | 'objects' | 'keys' | 'clock' | 'ids' | 'probe'>;

/**
 * Makes a vault with a key of its own and binds the disks named. All checks (spec section 9.4, in
 * its order) come first, so that a refused request leaves nothing behind.
 */
export async function createVault(
  command: CreateVaultCommand,
  caller: Caller,
  ports: Ports,
): Promise<VaultDetails> {
  checkSize(command.sizeGib, VAULT_LIMITS.sizeGibMin);
  checkKind(command);
  const { policyId, resources, sizeGib } = command;
  const vault = vaultOf(command, caller, ports);
  const policy = await fittingPolicy(policyId, vault, ports);
  const disks = await checkDisks(resources, { sizeGib, bound: [] }, caller.projectId, ports);
  checkTagCount(command.tags);

  const { id: vaultId, projectId, keyId, name } = vault;
  const key = await prepareVault({ projectId, vaultId, keyId, name }, ports);
  await ports.catalog.vaults.create(vault, key);
  await fillOrRemove(disks, policy, vault, ports);
  return vaultDetails(vault, ports);
}

/** `BackupService.6101` when a capacity is out of bounds. */
export function checkSize(sizeGib: number, minGib: number): void {
  const { sizeGibMax } = VAULT_LIMITS;
  if (sizeGib < minGib || sizeGib > sizeGibMax) {
    const reason = `${sizeGib} GB is not between ${minGib} and ${sizeGibMax} GB`;
    throw new HoldfastError('BackupService.6101', { reason });
  }
}

/** What kind of vault is asked for, against the one kind that this release makes. */
function checkKind(command: CreateVaultCommand): void {
  const { protectType, objectType } = command;
  if (protectType !== 'backup') throw new HoldfastError('BackupService.6116', { protectType });
  if (objectType !== 'disk') {
    throw new HoldfastError('BackupService.6102', { type: objectType, accepted: 'disk' });
  }
  const only = (field: string, value: unknown, supported: unknown): void => {
    if (value === supported) return;
    throw new HoldfastError('BackupService.9900', {
      field: `vault.billing.${field}`,
      reason: `${String(value)} is not supported; this release accepts ${String(supported)}`,
    });
  };
  only('consistent_level', command.consistentLevel, 'crash_consistent');
  only('cloud_type', command.cloudType, 'public');
  only('charging_mode', command.chargingMode, 'post_paid');
  only('is_multi_az', command.multiAz, false);
}

async function fittingPolicy(
  policyId: PolicyId | undefined,
  vault: Vault,
  { catalog }: Ports,
): Promise<Policy | null> {
  if (policyId === undefined) return null;
  const policy = await catalog.policies.get(vault.projectId, policyId);
  checkFits(policy, vault);
  return policy;
}

function vaultOf(command: CreateVaultCommand, caller: Caller, ports: Ports): Vault {
  const { backupNamePrefix } = command;
  return newVault({
    id: ports.ids.uuid(),
    projectId: caller.projectId,
    name: command.name,
    description: command.description,
    sizeGib: command.sizeGib,
    threshold: command.threshold,
    smnNotify: command.smnNotify,
    autoExpand: command.autoExpand,
    autoBind: command.autoBind,
    bindRules: command.bindRules,
    locked: command.locked,
    tags: command.tags,
    enterpriseProjectId: command.enterpriseProjectId,
    ...(backupNamePrefix === undefined ? {} : { backupNamePrefix }),
    userId: caller.userId,
    keyId: ports.ids.uuid(),
    createdAtMs: ports.clock.nowMs(),
  });
}

/**
 * Another request may have taken a disk, or deleted the policy, since it was checked: then there is
 * no vault either.
 */
async function fillOrRemove(
  disks: readonly Disk[],
  policy: Policy | null,
  vault: Vault,
  ports: Ports,
): Promise<void> {
  try {
    if (policy) await applyTo(vault, policy, ports);
    await bindDisks(disks, vault, ports);
  } catch (error) {
    await remove(vault, ports).catch((cause: unknown) => {
      ports.probe.problem('vault.removal-failed', cause, { vaultId: vault.id });
    });
    throw error;
  }
}

async function remove({ id, projectId }: Vault, ports: Ports): Promise<void> {
  await ports.catalog.vaults.delete(projectId, id);
  await takeOffPolicies(projectId, id, ports);
}
