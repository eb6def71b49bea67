import type * as z from 'zod';
import type { AppliedPolicy } from '../model/applied-policy.ts';
import type { PolicyDetails } from '../model/details.ts';
import type { Policy, RetentionRule } from '../model/policy.ts';
import type { policyBody } from './policy-schemas.ts';
import { timeText } from './units.ts';

type PolicyJson = z.input<typeof policyBody>;

/** A policy as CBR writes it (spec Appendix A, Policy). */
export const policyJson = ({ policy, applied }: PolicyDetails): PolicyJson => ({
  id: policy.id,
  name: policy.name,
  enabled: policy.enabled,
  operation_type: policy.operationType,
  policy_type: 'custom_policy',
  trigger: {
    id: policy.triggerId,
    name: 'default',
    type: 'time',
    properties: {
      pattern: policy.patterns,
      start_time: timeText(policy.createdAtMs).slice(0, 19).replace('T', ' '),
    },
  },
  operation_definition: definitionJson(policy),
  associated_vaults: applied.map(({ vaultId, destinationVaultId }) => ({
    vault_id: vaultId,
    ...(destinationVaultId === undefined ? {} : { destination_vault_id: destinationVaultId }),
  })),
});

const definitionJson = ({
  retention,
  fullBackupInterval,
  destination,
}: Policy): PolicyJson['operation_definition'] => ({
  ...retentionJson(retention),
  ...(fullBackupInterval === undefined ? {} : { full_backup_interval: fullBackupInterval }),
  ...(destination && {
    destination_region: destination.region,
    destination_project_id: destination.projectId,
  }),
});

/** The fields of `operation_definition` that are a retention rule. */
export const retentionJson = (rule: RetentionRule) => ({
  max_backups: rule.maxBackups ?? -1,
  retention_duration_days: rule.durationDays ?? -1,
  day_backups: rule.dayBackups,
  week_backups: rule.weekBackups,
  month_backups: rule.monthBackups,
  year_backups: rule.yearBackups,
  timezone: rule.timezone ?? null,
});

/** What an association and its end are answered with. */
export const vaultPolicyJson = ({ vaultId, policyId, destinationVaultId }: AppliedPolicy) => ({
  vault_id: vaultId,
  policy_id: policyId,
  ...(destinationVaultId === undefined ? {} : { destination_vault_id: destinationVaultId }),
});
