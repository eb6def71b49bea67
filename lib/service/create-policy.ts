import { HoldfastError } from '../errors.ts';
import type { PolicyDetails } from '../model/details.ts';
import { checkPolicy, type Policy, type PolicyDefinition } from '../model/policy.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';

/** What a policy does and how it keeps, as a request says it. */
export interface PolicyRules {
  retention: PolicyDefinition['retention'];
  fullBackupInterval: number | undefined;
  destinationRegion: string | undefined;
  destinationProjectId: string | undefined;
}

export type CreatePolicyCommand = PolicyRules &
  Pick<PolicyDefinition, 'name' | 'enabled' | 'operationType' | 'patterns'>;

/**
 * Makes a policy, which does nothing before it is applied to a vault. `BackupService.9900` when its
 * parts do not fit together, `BackupService.6001` when the project has 32 of its type.
 */
export async function createPolicy(
  { name, enabled, operationType, patterns, ...rules }: CreatePolicyCommand,
  { projectId }: Caller,
  ports: Pick<ApiPorts, 'catalog' | 'clock' | 'ids' | 'settings'>,
): Promise<PolicyDetails> {
  const nowMs = ports.clock.nowMs();
  const policy: Policy = {
    id: ports.ids.uuid(),
    projectId,
    name,
    enabled,
    operationType,
    patterns,
    ...rulesOf(rules, operationType),
    triggerId: ports.ids.uuid(),
    retentionSinceMs: nowMs,
    scheduleSinceMs: nowMs,
    revision: 1,
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
  };
  checkDefinition(policy, ports);
  await ports.catalog.policies.create(policy);
  return { policy, applied: [] };
}

/** The rules as a policy has them: what is off is absent, and only replication leads elsewhere. */
export function rulesOf(
  rules: PolicyRules,
  operationType: PolicyDefinition['operationType'],
): Pick<PolicyDefinition, 'retention' | 'fullBackupInterval' | 'destination'> {
  const { retention, fullBackupInterval, destinationRegion: region } = rules;
  const projectId = rules.destinationProjectId;
  const isComplete = region !== undefined && projectId !== undefined;
  return {
    retention,
    ...(fullBackupInterval === undefined ? {} : { fullBackupInterval }),
    ...(operationType === 'replication' && isComplete
      ? { destination: { region, projectId } }
      : {}),
  };
}

/** `BackupService.9900` when the parts of a policy do not fit together, or not to this region. */
export function checkDefinition(
  policy: PolicyDefinition,
  { settings }: Pick<ApiPorts, 'settings'>,
): void {
  checkPolicy(policy);
  if (policy.destination?.region === settings.region) {
    throw new HoldfastError('BackupService.9900', {
      field: 'policy.operation_definition.destination_region',
      reason: 'must be another region',
    });
  }
}
