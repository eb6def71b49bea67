import type * as z from 'zod';
import type { Backup } from '../model/backup.ts';
import type { CheckpointDetails } from '../model/details.ts';
import { DISK_TYPE } from '../model/disk.ts';
import type { checkpointResponse } from './checkpoint-schemas.ts';
import { timeText, toGb, toMb } from './units.ts';
import { protectStatus } from './vault-response.ts';

/** A restore point as CBR writes it (spec Appendix A, CheckpointResp). */
export function checkpointJson(details: CheckpointDetails): z.input<typeof checkpointResponse> {
  const { checkpoint, backups } = details;
  return {
    checkpoint: {
      id: checkpoint.id,
      project_id: checkpoint.projectId,
      status: checkpointStatus(details),
      created_at: timeText(checkpoint.createdAtMs),
      vault: {
        id: checkpoint.vaultId,
        name: checkpoint.vaultName,
        resources: backups.map((backup) => resourceJson(backup, details)),
        skipped_resources: checkpoint.skipped,
      },
      extra_info: {
        name: checkpoint.name,
        description: checkpoint.description,
        // What its policy promised, in days; a manual one is kept until it is deleted.
        retention_duration: backups[0]?.retention?.durationDays ?? -1,
      },
    },
  };
}

/**
 * That of its backups: protecting while one of them is, or its task still has the disk (the next
 * backup would be refused until it ends); then error if one of them is.
 */
function checkpointStatus({
  backups,
  resources,
}: CheckpointDetails): 'protecting' | 'error' | 'available' {
  const tasks = resources.map(({ binding }) => binding.protectingTaskId);
  const isProtecting = ({ status, operationLogId }: Backup): boolean =>
    status === 'waiting_protect' || status === 'protecting' || tasks.includes(operationLogId);
  if (backups.some(isProtecting)) return 'protecting';
  return backups.some(({ status }) => status === 'error') ? 'error' : 'available';
}

function resourceJson({ disk }: Backup, { resources }: CheckpointDetails) {
  const resource = resources.find(({ binding }) => binding.diskId === disk.id);
  return {
    id: disk.id,
    type: DISK_TYPE,
    name: disk.name,
    protect_status: protectStatus(resource?.binding),
    resource_size: String(toGb(disk.sizeBytes)),
    backup_size: String(toMb(resource?.backupBytes ?? 0)),
    backup_count: String(resource?.backupCount ?? 0),
  };
}
