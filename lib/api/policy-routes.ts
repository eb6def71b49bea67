import * as z from 'zod';
import type { PolicyDetails } from '../model/details.ts';
import type { RetentionRule } from '../model/policy.ts';
import { policyJson, type retentionJson } from './policy-response.ts';
import {
  POLICY_TYPES,
  policyCreateRequest,
  policyListResponse,
  policyResponse,
  policyUpdateRequest,
} from './policy-schemas.ts';
import { idText, oneOf } from './query.ts';
import { NOTHING, route } from './route.ts';

const POLICIES = '/v3/{project_id}/policies';
const POLICY = '/v3/{project_id}/policies/{policy_id}';
const tag = 'Policies';

const create = route({
  method: 'POST',
  path: POLICIES,
  operationId: 'CreatePolicy',
  summary: 'Create a policy',
  tag,
  action: 'cbr:policies:create',
  query: NOTHING,
  body: policyCreateRequest,
  status: 200,
  response: policyResponse,
  errors: ['BackupService.6001'],
  command: ({ body: { policy } }) => ({
    name: policy.name,
    enabled: policy.enabled,
    operationType: policy.operation_type,
    patterns: policy.trigger.properties.pattern,
    ...rulesOf(policy.operation_definition),
  }),
  answer: (details: PolicyDetails) => ({ policy: policyJson(details) }),
});

const list = route({
  method: 'GET',
  path: POLICIES,
  operationId: 'ListPolicies',
  summary: 'List policies, newest first',
  tag,
  action: 'cbr:policies:list',
  query: z.object({
    operation_type: oneOf(POLICY_TYPES).optional(),
    vault_id: idText.optional(),
  }),
  body: null,
  status: 200,
  response: policyListResponse,
  errors: [],
  command: ({ query }) => ({ operationType: query.operation_type, vaultId: query.vault_id }),
  answer: (policies: PolicyDetails[]) => ({
    policies: policies.map(policyJson),
    count: policies.length,
  }),
});

const show = route({
  method: 'GET',
  path: POLICY,
  operationId: 'ShowPolicy',
  summary: 'Show a policy',
  tag,
  action: 'cbr:policies:get',
  query: NOTHING,
  body: null,
  status: 200,
  response: policyResponse,
  errors: ['BackupService.6000'],
  command: ({ path }) => ({ policyId: path.policy_id }),
  answer: (details: PolicyDetails) => ({ policy: policyJson(details) }),
});

const update = route({
  method: 'PUT',
  path: POLICY,
  operationId: 'UpdatePolicy',
  summary: 'Change a policy',
  tag,
  action: 'cbr:policies:update',
  query: NOTHING,
  body: policyUpdateRequest,
  status: 200,
  response: policyResponse,
  errors: ['BackupService.6000', 'BackupService.6003'],
  command: ({ path, body: { policy } }) => ({
    policyId: path.policy_id,
    name: policy.name,
    enabled: policy.enabled,
    patterns: policy.trigger?.properties.pattern,
    rules: policy.operation_definition && rulesOf(policy.operation_definition),
  }),
  answer: (details: PolicyDetails) => ({ policy: policyJson(details) }),
});

const remove = route({
  method: 'DELETE',
  path: POLICY,
  operationId: 'DeletePolicy',
  summary: 'Delete a policy and take it off its vaults',
  tag,
  action: 'cbr:policies:delete',
  query: NOTHING,
  body: null,
  status: 204,
  response: null,
  errors: ['BackupService.6000'],
  command: ({ path }) => ({ policyId: path.policy_id }),
  answer: () => undefined,
});

type OperationDefinition = z.output<typeof policyCreateRequest>['policy']['operation_definition'];

/** What `operation_definition` says, in our words; what is off is absent. */
const rulesOf = (definition: OperationDefinition) => ({
  retention: retentionOf(definition),
  fullBackupInterval: unlessOff(definition.full_backup_interval),
  destinationRegion: definition.destination_region,
  destinationProjectId: definition.destination_project_id,
});

/** The rule that the fields of `operation_definition` mean. */
export const retentionOf = (
  definition: Pick<OperationDefinition, keyof ReturnType<typeof retentionJson>>,
): RetentionRule => {
  const maxBackups = unlessOff(definition.max_backups);
  const durationDays = unlessOff(definition.retention_duration_days);
  return {
    ...(maxBackups === undefined ? {} : { maxBackups }),
    ...(durationDays === undefined ? {} : { durationDays }),
    dayBackups: definition.day_backups,
    weekBackups: definition.week_backups,
    monthBackups: definition.month_backups,
    yearBackups: definition.year_backups,
    ...(definition.timezone ? { timezone: definition.timezone } : {}),
  };
};

const unlessOff = (value: number): number | undefined => (value === -1 ? undefined : value);

export const POLICY_ROUTES = { create, list, show, update, remove };
