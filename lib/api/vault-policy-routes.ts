import type { AppliedPolicy } from '../model/applied-policy.ts';
import { vaultPolicyJson } from './policy-response.ts';
import {
  vaultAssociateRequest,
  vaultAssociateResponse,
  vaultDissociateRequest,
  vaultDissociateResponse,
} from './policy-schemas.ts';
import { NOTHING, route } from './route.ts';

const VAULT = '/v3/{project_id}/vaults/{vault_id}';
const tag = 'Vaults';

const associate = route({
  method: 'POST',
  path: `${VAULT}/associatepolicy`,
  operationId: 'AssociateVaultPolicy',
  summary: 'Apply a policy to a vault',
  tag,
  action: 'cbr:vaults:associatePolicy',
  query: NOTHING,
  body: vaultAssociateRequest,
  status: 200,
  response: vaultAssociateResponse,
  errors: ['BackupService.6105', 'BackupService.6112', 'BackupService.6000', 'BackupService.6127'],
  command: ({ path, body }) => ({
    vaultId: path.vault_id,
    policyIds: body.add_policy_ids ?? [body.policy_id ?? ''],
    destinationVaultId: body.destination_vault_id,
  }),
  answer: (applied: AppliedPolicy) => ({ associate_policy: vaultPolicyJson(applied) }),
});

const dissociate = route({
  method: 'POST',
  path: `${VAULT}/dissociatepolicy`,
  operationId: 'DisassociateVaultPolicy',
  summary: 'Take a policy off a vault',
  tag,
  action: 'cbr:vaults:dissociatePolicy',
  query: NOTHING,
  body: vaultDissociateRequest,
  status: 200,
  response: vaultDissociateResponse,
  errors: ['BackupService.6105', 'BackupService.6002'],
  command: ({ path, body }) => ({ vaultId: path.vault_id, policyId: body.policy_id }),
  answer: (applied: AppliedPolicy) => ({ dissociate_policy: vaultPolicyJson(applied) }),
});

export const VAULT_POLICY_ROUTES = { associate, dissociate };
