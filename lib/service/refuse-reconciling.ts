import { HoldfastError } from '../errors.ts';
import type { VaultId } from '../model/ids.ts';
import type { Catalog } from '../ports/catalog.ts';

/**
 * Refuses to begin what needs a session, while none opens: `code` with the vault's status
 * `reconciling`. A job that is under way meets the same when it opens its session.
 */
export const refuseReconciling = async (
  id: VaultId,
  code: 'BackupService.6112' | 'BackupService.6113' | 'BackupService.6202',
  { catalog }: { catalog: Pick<Catalog, 'reconciling'> },
): Promise<void> => {
  if ((await catalog.reconciling.state(id)) === 'RECONCILING')
    throw new HoldfastError(code, { id, status: 'reconciling' });
};
