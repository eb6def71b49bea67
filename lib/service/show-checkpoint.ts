import { HoldfastError } from '../errors.ts';
import type { Backup, Checkpoint } from '../model/backup.ts';
import type { CheckpointDetails } from '../model/details.ts';
import { DISK_TYPE } from '../model/disk.ts';
import type { CheckpointId } from '../model/ids.ts';
import type { ApiPorts } from './api-ports.ts';
import type { Caller } from './caller.ts';
import { mapLimited } from './map-limited.ts';
import { orNull } from './or-null.ts';
import { vaultResources } from './show-vault.ts';

/**
 * A restore point with the backups that callers still see; `BackupService.6217` when there is none
 * such, or none of its backups is left.
 */
export async function showCheckpoint(
  { checkpointId }: { checkpointId: CheckpointId },
  { projectId }: Pick<Caller, 'projectId'>,
  ports: Pick<ApiPorts, 'catalog'>,
): Promise<CheckpointDetails> {
  const { backups } = ports.catalog;
  const checkpoint = await backups.checkpoint(projectId, checkpointId);
  const [found, resources] = await Promise.all([
    mapLimited(checkpoint.backups, ({ backupId }) =>
      orNull(backups.get(projectId, backupId), 'BackupService.6200'),
    ),
    vaultResources(checkpoint.vaultId, ports),
  ]);
  const visible = found.filter((backup) => backup !== null && backup.status !== 'deleted');
  if (visible.length === 0) throw new HoldfastError('BackupService.6217', { id: checkpointId });
  const skipped = [...checkpoint.skipped, ...notBegun(checkpoint, found)];
  const ids = new Set(visible.map((backup) => backup?.disk.id));
  return {
    checkpoint: { ...checkpoint, skipped },
    backups: visible as Backup[],
    resources: resources.filter(({ binding }) => ids.has(binding.diskId)),
  };
}

/** Disks whose backup was planned and never begun: another request was quicker. */
const notBegun = (
  checkpoint: Checkpoint,
  found: readonly (Backup | null)[],
): Checkpoint['skipped'] =>
  checkpoint.backups
    .filter((_, at) => found[at] === null)
    .map(({ diskId, diskName }) => ({
      id: diskId,
      type: DISK_TYPE,
      name: diskName,
      code: 'BackupService.6125',
      reason: 'Its backup could not be begun; another one was running.',
    }));
