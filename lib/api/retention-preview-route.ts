import * as z from 'zod';
import type { BackupId, PolicyId, VaultId } from '../model/ids.ts';
import { POLICY_LIMITS, type RetentionRule } from '../model/policy.ts';
import { DELETE_REASONS, KEEP_REASONS, type RetentionDecision } from '../model/retention.ts';
import { time } from './fields.ts';
import { retentionJson } from './policy-response.ts';
import { retentionOf } from './policy-routes.ts';
import { retentionBody } from './policy-schemas.ts';
import { idText, oneOf, PAGE, pageOf, wholeNumber, wholeNumberOrOff } from './query.ts';
import { route } from './route.ts';
import { timeText, timeTextOrNull } from './units.ts';

const ACTIONS = ['keep', 'delete'] as const;
const periods = wholeNumber(0, POLICY_LIMITS.periodBackupsMax).optional();

/** A rule that is not saved yet, named as in `operation_definition`. */
const ruleQuery = {
  max_backups: wholeNumberOrOff(POLICY_LIMITS.backupsMax).optional(),
  retention_duration_days: wholeNumberOrOff(POLICY_LIMITS.durationDaysMax).optional(),
  day_backups: periods,
  week_backups: periods,
  month_backups: periods,
  year_backups: periods,
  // An unescaped + in a query arrives as a space.
  timezone: z
    .string()
    .max(16)
    .transform((text) => text.replace(' ', '+'))
    .optional()
    .meta({ override: { type: 'string', example: 'UTC+01:00' } }),
};

const query = z.object({
  ...PAGE,
  ...ruleQuery,
  vault_id: idText.optional(),
  decision: oneOf(ACTIONS).optional(),
});

const response = z
  .object({
    policy_id: z.string(),
    operation_definition: retentionBody,
    keep_count: z.int(),
    delete_count: z.int(),
    backups: z.array(
      z.object({
        id: z.string(),
        name: z.string(),
        vault_id: z.string(),
        resource_id: z.string(),
        resource_name: z.string(),
        created_at: time,
        expired_at: time.nullable(),
        decision: z.enum(ACTIONS),
        reasons: z.array(z.enum([...KEEP_REASONS, ...DELETE_REASONS])),
      }),
    ),
    count: z.int(),
    limit: z.int(),
    offset: z.int(),
  })
  .meta({ id: 'RetentionPreviewResp' });

/** What the use case answers with, as far as it is shown. */
interface Preview {
  policyId: PolicyId;
  rule: RetentionRule;
  keepCount: number;
  deleteCount: number;
  backups: { items: PlannedBackup[]; count: number; limit: number; offset: number };
}

interface PlannedBackup {
  backup: {
    id: BackupId;
    name: string;
    vaultId: VaultId;
    disk: { id: string; name: string };
    createdAtMs: number;
    expiresAtMs?: number;
  };
  decision: RetentionDecision;
}

export const RETENTION_PREVIEW = route({
  method: 'GET',
  path: '/v3/{project_id}/policies/{policy_id}/retention-preview',
  operationId: 'PreviewRetention',
  summary: 'What a policy, or a changed rule, would keep and delete, and why (extension)',
  tag: 'Policies',
  action: 'cbr:policies:get',
  query,
  body: null,
  status: 200,
  response,
  errors: ['BackupService.6000', 'BackupService.6105', 'Holdfast.NotImplemented'],
  command: ({ path, query: given }) => ({
    policyId: path.policy_id,
    rule: ruleOf(given),
    vaultId: given.vault_id,
    action: given.decision,
    page: pageOf(given),
  }),
  answer: (preview: Preview) => {
    const { items, ...page } = preview.backups;
    return {
      policy_id: preview.policyId,
      operation_definition: retentionJson(preview.rule),
      keep_count: preview.keepCount,
      delete_count: preview.deleteCount,
      backups: items.map(backupJson),
      ...page,
    };
  },
});

/** A rule is replaced as a whole, as an update of the policy would; none given: the policy's. */
function ruleOf(given: z.output<typeof query>): RetentionRule | undefined {
  const names = Object.keys(ruleQuery) as (keyof typeof ruleQuery)[];
  if (names.every((name) => given[name] === undefined)) return undefined;
  return retentionOf({
    max_backups: given.max_backups ?? -1,
    retention_duration_days: given.retention_duration_days ?? -1,
    day_backups: given.day_backups ?? 0,
    week_backups: given.week_backups ?? 0,
    month_backups: given.month_backups ?? 0,
    year_backups: given.year_backups ?? 0,
    timezone: given.timezone,
  });
}

const backupJson = ({ backup, decision }: PlannedBackup) => ({
  id: backup.id,
  name: backup.name,
  vault_id: backup.vaultId,
  resource_id: backup.disk.id,
  resource_name: backup.disk.name,
  created_at: timeText(backup.createdAtMs),
  expired_at: timeTextOrNull(backup.expiresAtMs),
  decision: decision.action,
  reasons: decision.reasons,
});
