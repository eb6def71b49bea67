import { COST_REPORT } from '../../lib/api/cost-report-route.ts';
import { VAULT_FLEET_ROUTES as fleet } from '../../lib/api/vault-fleet-routes.ts';
import { VAULT_POLICY_ROUTES as policies } from '../../lib/api/vault-policy-routes.ts';
import { VAULT_ROUTES as routes } from '../../lib/api/vault-routes.ts';
import { VAULT_TAG_ROUTES as tags } from '../../lib/api/vault-tag-routes.ts';
import { apiPorts } from '../../lib/runtime/containers.ts';
import { httpFunction, on } from '../../lib/runtime/http-function.ts';
import { addResources } from '../../lib/service/add-resources.ts';
import { associatePolicy } from '../../lib/service/associate-policy.ts';
import { changeVaultTags, deleteVaultTag } from '../../lib/service/change-vault-tags.ts';
import { createVault } from '../../lib/service/create-vault.ts';
import { deleteVault } from '../../lib/service/delete-vault.ts';
import { dissociatePolicy } from '../../lib/service/dissociate-policy.ts';
import { findTaggedVaults } from '../../lib/service/find-tagged-vaults.ts';
import { listExternalVaults } from '../../lib/service/list-external-vaults.ts';
import { listProjectTags } from '../../lib/service/list-project-tags.ts';
import { listStorageUsage } from '../../lib/service/list-storage-usage.ts';
import { listVaults } from '../../lib/service/list-vaults.ts';
import { migrateResources } from '../../lib/service/migrate-resources.ts';
import { removeResources } from '../../lib/service/remove-resources.ts';
import { reportCosts } from '../../lib/service/report-costs.ts';
import { setResources } from '../../lib/service/set-resources.ts';
import { showSummary } from '../../lib/service/show-summary.ts';
import { showVault } from '../../lib/service/show-vault.ts';
import { showVaultTags } from '../../lib/service/show-vault-tags.ts';
import { updateAllVaults } from '../../lib/service/update-all-vaults.ts';
import { updateVault } from '../../lib/service/update-vault.ts';

export const createHandler = httpFunction(
  on(routes.create, createVault),
  on(routes.list, listVaults),
  on(routes.show, showVault),
  on(routes.update, updateVault),
  on(routes.remove, deleteVault),
  on(routes.addResources, addResources),
  on(routes.removeResources, removeResources),
  on(routes.migrateResources, migrateResources),
  on(routes.setResources, setResources),
  on(fleet.batchUpdate, updateAllVaults),
  on(fleet.showSummary, showSummary),
  on(fleet.listExternal, listExternalVaults),
  on(fleet.listStorageUsage, listStorageUsage),
  on(COST_REPORT, reportCosts),
  on(policies.associate, associatePolicy),
  on(policies.dissociate, dissociatePolicy),
  on(tags.findInstances, findTaggedVaults),
  on(tags.listProjectTags, listProjectTags),
  on(tags.showTags, showVaultTags),
  on(tags.createTag, changeVaultTags),
  on(tags.changeTags, changeVaultTags),
  on(tags.deleteTag, deleteVaultTag),
);

export const handler = createHandler(apiPorts);
