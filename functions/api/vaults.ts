import { VAULT_ROUTES as routes } from '../../lib/api/vault-routes.ts';
import { apiPorts } from '../../lib/runtime/containers.ts';
import { httpFunction, on } from '../../lib/runtime/http-function.ts';
import { addResources } from '../../lib/service/add-resources.ts';
import { createVault } from '../../lib/service/create-vault.ts';
import { deleteVault } from '../../lib/service/delete-vault.ts';
import { listVaults } from '../../lib/service/list-vaults.ts';
import { showVault } from '../../lib/service/show-vault.ts';
import { updateVault } from '../../lib/service/update-vault.ts';

export const createHandler = httpFunction(
  on(routes.create, createVault),
  on(routes.list, listVaults),
  on(routes.show, showVault),
  on(routes.update, updateVault),
  on(routes.remove, deleteVault),
  on(routes.addResources, addResources),
);

export const handler = createHandler(apiPorts);
