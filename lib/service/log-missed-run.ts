import type { HoldfastError } from '../errors.ts';
import type { AppliedPolicy } from '../model/applied-policy.ts';
import { derivedUuid } from '../model/ids.ts';
import type { OperationLog } from '../model/operation-log.ts';
import { checkpointIdOf } from '../model/policy-run.ts';
import type { Binding, Vault } from '../model/vault.ts';
import type { ApiPorts } from './api-ports.ts';
import { toFailure } from './end-job.ts';
import { mapLimited } from './map-limited.ts';

interface MissedRun {
  applied: AppliedPolicy;
  pointMs: number;
  status: 'skipped' | 'failed';
  error: HoldfastError;
}

/**
 * Logs a time point of a policy that made no restore point: a task for each disk of the vault that
 * says why. Logging it again changes nothing.
 */
export async function logMissedRun(
  run: MissedRun,
  { catalog, probe }: Pick<ApiPorts, 'catalog' | 'probe'>,
): Promise<void> {
  const { projectId, vaultId, policyId } = run.applied;
  probe.problem('policy.run-missed', run.error, { vaultId, policyId, pointMs: run.pointMs });
  const vault = await catalog.vaults.get(projectId, vaultId);
  const bindings = await catalog.vaults.bindings(vaultId);
  await mapLimited(bindings, (binding) => catalog.tasks.create(taskOf(run, binding, vault)));
}

/** All of it is derived from the time point. The backup that it names was never begun. */
const taskOf = (
  { applied, pointMs, status, error }: MissedRun,
  { diskId, name }: Binding,
  vault: Vault,
): OperationLog => {
  const checkpointId = checkpointIdOf(applied, pointMs);
  return {
    id: derivedUuid('missed-run', checkpointId, diskId),
    projectId: vault.projectId,
    type: 'backup',
    status,
    vaultId: vault.id,
    vaultName: vault.name,
    policyId: applied.policyId,
    backupId: derivedUuid('missed-backup', checkpointId, diskId),
    backupName: '',
    disk: { id: diskId, name },
    totalBytes: 0,
    cancelRequested: false,
    restarts: 0,
    failure: toFailure(error),
    requestId: checkpointId,
    createdAtMs: pointMs,
    updatedAtMs: pointMs,
    endedAtMs: pointMs,
  };
};
