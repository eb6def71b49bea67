import { DISK_TYPE } from '../model/disk.ts';
import { checkpointJson } from './checkpoint-response.ts';
import { checkpointCreateRequest, checkpointResponse } from './checkpoint-schemas.ts';
import { NOTHING, route } from './route.ts';

const CHECKPOINTS = '/v3/{project_id}/checkpoints';
const tag = 'Restore points';

const create = route({
  method: 'POST',
  path: CHECKPOINTS,
  operationId: 'CreateCheckpoint',
  summary: 'Back up the disks of a vault now',
  tag,
  action: 'cbr:vaults:backup',
  query: NOTHING,
  body: checkpointCreateRequest,
  status: 200,
  response: checkpointResponse,
  errors: [
    'BackupService.6105',
    'BackupService.6113',
    'BackupService.6114',
    'BackupService.6110',
    'BackupService.6104',
    'BackupService.6102',
    'BackupService.6135',
    'BackupService.6125',
    'BackupService.0001',
  ],
  command: ({ body: { checkpoint } }) => ({
    vaultId: checkpoint.vault_id,
    name: checkpoint.parameters.name,
    description: checkpoint.parameters.description,
    incremental: checkpoint.parameters.incremental,
    autoTrigger: checkpoint.parameters.auto_trigger,
    resources: namedResources(checkpoint.parameters),
  }),
  answer: checkpointJson,
});

/** Named in either way; undefined, which means all, when none is. */
const namedResources = (parameters: {
  resource_details?: { id: string; type: string }[] | undefined;
  resources?: string[] | undefined;
}): { id: string; type: string }[] | undefined => {
  const named = [
    ...(parameters.resource_details ?? []),
    ...(parameters.resources ?? []).map((id) => ({ id, type: DISK_TYPE })),
  ];
  return named.length === 0 ? undefined : named;
};

const show = route({
  method: 'GET',
  path: `${CHECKPOINTS}/{checkpoint_id}`,
  operationId: 'ShowCheckpoint',
  summary: 'Show a restore point',
  tag,
  action: 'cbr:backups:get',
  query: NOTHING,
  body: null,
  status: 200,
  response: checkpointResponse,
  errors: ['BackupService.6217'],
  command: ({ path }) => ({ checkpointId: path.checkpoint_id }),
  answer: checkpointJson,
});

export const CHECKPOINT_ROUTES = { create, show };
