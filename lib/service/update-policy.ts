import { HoldfastError, isError } from '../errors.ts';
import type { AppliedPolicy } from '../model/applied-policy.ts';
import type { PolicyDetails } from '../model/details.ts';
import type { PolicyId } from '../model/ids.ts';
import type { Policy } from '../model/policy.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';
import { checkDefinition, type PolicyRules, rulesOf } from './create-policy.ts';
import { showPolicy } from './show-policy.ts';

export interface UpdatePolicyCommand {
  policyId: PolicyId;
  name?: string | undefined;
  enabled?: boolean | undefined;
  patterns?: string[] | undefined;
  /** In place of all the rules that there are. */
  rules?: PolicyRules | undefined;
}

type Ports = Pick<ApiPorts, 'catalog' | 'clock' | 'settings'>;

/** Others that may change the policy meanwhile, before the caller is told to try again. */
const ATTEMPTS_MAX = 5;

/**
 * Changes what is named and leaves the rest. A schedule that is new, or enabled again, begins now:
 * time points that have passed are not made up for.
 */
export async function updatePolicy(
  command: UpdatePolicyCommand,
  caller: Caller,
  ports: Ports,
): Promise<PolicyDetails> {
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const { policy, applied } = await showPolicy(command, caller, ports);
    const changed = changedBy(command, policy, ports.clock.nowMs());
    checkDefinition(changed, ports);
    refuseOtherDestination(policy, changed, applied);
    try {
      return { policy: await ports.catalog.policies.update(changed), applied };
    } catch (error) {
      if (!isError(error, 'catalog.conflict')) throw error;
    }
  }
  throw new HoldfastError('Holdfast.Unavailable', {});
}

function changedBy(command: UpdatePolicyCommand, policy: Policy, nowMs: number): Policy {
  const { name = policy.name, enabled = policy.enabled, patterns = policy.patterns } = command;
  const { retention, fullBackupInterval, destination, ...rest } = policy;
  const rules = command.rules
    ? rulesOf(command.rules, policy.operationType)
    : {
        retention,
        ...(fullBackupInterval === undefined ? {} : { fullBackupInterval }),
        ...(destination && { destination }),
      };
  const isNewSchedule = (enabled && !policy.enabled) || !isSame(patterns, policy.patterns);
  const isNewRule = !isSame(rules.retention, retention);
  return {
    ...rest,
    ...rules,
    name,
    enabled,
    patterns,
    retentionSinceMs: isNewRule ? nowMs : policy.retentionSinceMs,
    scheduleSinceMs: isNewSchedule ? nowMs : policy.scheduleSinceMs,
    updatedAtMs: nowMs,
  };
}

/** `BackupService.6003`: replicas of a vault all go to one place. */
function refuseOtherDestination(
  policy: Policy,
  changed: Policy,
  applied: readonly AppliedPolicy[],
): void {
  if (applied.length === 0 || isSame(policy.destination, changed.destination)) return;
  throw new HoldfastError('BackupService.6003', { id: policy.id });
}

/** Equal field by field, or item by item. */
function isSame(one: object = {}, other: object = {}): boolean {
  const [left, right] = [Object.entries(one), new Map(Object.entries(other))];
  return left.length === right.size && left.every(([name, value]) => right.get(name) === value);
}
