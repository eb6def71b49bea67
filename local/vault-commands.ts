import { freezeVault } from '../lib/service/freeze-vault.ts';
import { asOperator, projectOf, type StackOptions } from './operator.ts';

/** Freezes a vault, or ends that. */
export const freezeVaultOf = (
  home: string,
  vaultId: string,
  frozen: boolean,
  options: StackOptions,
): Promise<object> =>
  asOperator(home, options, async ({ ports, projectId }) => {
    const vault = { projectId: projectOf(options, projectId), vaultId, frozen };
    const { id, name, status } = await freezeVault(vault, ports);
    return { vault: id, name, status };
  });
