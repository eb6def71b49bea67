import type { Page, VaultDetails } from '../model/details.ts';
import type { Tag } from '../model/tag.ts';
import type { Vault } from '../model/vault.ts';
import { NOTHING, route } from './route.ts';
import { vaultJson } from './vault-response.ts';
import {
  projectTagsResponse,
  vaultInstancesRequest,
  vaultInstancesResponse,
  vaultTagCreateRequest,
  vaultTagsActionRequest,
  vaultTagsResponse,
} from './vault-tag-schemas.ts';

const VAULT = '/v3/{project_id}/vault';
const TAGS = '/v3/{project_id}/vault/{vault_id}/tags';
const tag = 'Tags';

const findInstances = route({
  method: 'POST',
  path: `${VAULT}/resource_instances/action`,
  operationId: 'ShowVaultResourceInstances',
  summary: 'Find or count vaults by their tags',
  tag,
  action: 'cbr:vaults:listResourceInstances',
  query: NOTHING,
  body: vaultInstancesRequest,
  status: 200,
  response: vaultInstancesResponse,
  errors: ['Holdfast.ListTooLong'],
  command: ({ body }) => ({
    countOnly: body.action === 'count',
    page: { limit: body.limit, offset: body.offset },
    tags: {
      none: body.without_any_tag,
      all: body.tags,
      any: body.tags_any,
      notAll: body.not_tags,
      notAny: body.not_tags_any,
    },
    system: body.sys_tags,
    nameContains: body.matches[0]?.value,
    objectType: body.object_type,
    cloudType: body.cloud_type,
  }),
  answer: ({ items, count, countOnly }: Page<VaultDetails> & { countOnly: boolean }) => ({
    ...(countOnly ? {} : { resources: items.map(instanceJson) }),
    total_count: count,
  }),
});

const listProjectTags = route({
  method: 'GET',
  path: `${VAULT}/tags`,
  operationId: 'ShowVaultProjectTag',
  summary: 'List the tags of all vaults of the project',
  tag,
  action: 'cbr:vaults:listProjectTags',
  query: NOTHING,
  body: null,
  status: 200,
  response: projectTagsResponse,
  errors: ['Holdfast.ListTooLong'],
  command: () => ({}),
  answer: (tags: { key: string; values: string[] }[]) => ({ tags }),
});

const showTags = route({
  method: 'GET',
  path: TAGS,
  operationId: 'ShowVaultTag',
  summary: 'Show the tags of a vault',
  tag,
  action: 'cbr:vaults:getTags',
  query: NOTHING,
  body: null,
  status: 200,
  response: vaultTagsResponse,
  errors: ['BackupService.6105'],
  command: ({ path }) => ({ vaultId: path.vault_id }),
  answer: (vault: Vault) => ({ tags: vault.tags, sys_tags: systemTags(vault) }),
});

const createTag = route({
  method: 'POST',
  path: TAGS,
  operationId: 'CreateVaultTags',
  summary: 'Add a tag to a vault, or change its value',
  tag,
  action: 'cbr:vaults:setTags',
  query: NOTHING,
  body: vaultTagCreateRequest,
  status: 204,
  response: null,
  errors: ['BackupService.6105', 'BackupService.6110', 'BackupService.6600'],
  command: ({ path, body }) => ({ vaultId: path.vault_id, add: [body.tag], removeKeys: [] }),
  answer: () => undefined,
});

const changeTags = route({
  method: 'POST',
  path: `${TAGS}/action`,
  operationId: 'BatchCreateAndDeleteVaultTags',
  summary: 'Add tags to a vault, or delete them; all or none',
  tag,
  action: 'cbr:vaults:bulkCreateOrDeleteTags',
  query: NOTHING,
  body: vaultTagsActionRequest,
  status: 204,
  response: null,
  errors: ['BackupService.6105', 'BackupService.6110', 'BackupService.6600'],
  command: ({ path, body: { action, tags = [] } }) => ({
    vaultId: path.vault_id,
    add: action === 'create' ? tags.map(withValue) : [],
    removeKeys: action === 'delete' ? tags.map(({ key }) => key) : [],
  }),
  answer: () => undefined,
});

const deleteTag = route({
  method: 'DELETE',
  path: `${TAGS}/{key}`,
  operationId: 'DeleteVaultTag',
  summary: 'Delete a tag of a vault',
  tag,
  action: 'cbr:vaults:deleteTags',
  query: NOTHING,
  body: null,
  status: 204,
  response: null,
  errors: ['BackupService.6105', 'BackupService.6110', 'BackupService.6601'],
  command: ({ path }) => ({ vaultId: path.vault_id, key: path.key }),
  answer: () => undefined,
});

const withValue = ({ key, value = '' }: { key: string; value?: string | undefined }): Tag => ({
  key,
  value,
});

const instanceJson = (details: VaultDetails) => ({
  resource_id: details.vault.id,
  resource_name: details.vault.name,
  resource_detail: { vault: vaultJson(details) },
  tags: details.vault.tags,
  sys_tags: systemTags(details.vault),
});

/** The one tag that the service itself gives a vault. */
const systemTags = ({ enterpriseProjectId }: Vault): Tag[] => [
  { key: '_sys_enterprise_project_id', value: enterpriseProjectId },
];

export const VAULT_TAG_ROUTES = {
  findInstances,
  listProjectTags,
  showTags,
  createTag,
  changeTags,
  deleteTag,
};
