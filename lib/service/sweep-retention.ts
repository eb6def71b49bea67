import { isError } from '../errors.ts';
import type { Notifier } from '../ports/notifier.ts';
import { applyRetentionToVault, type RetentionPorts } from './apply-retention.ts';
import type { DataPorts } from './data-ports.ts';
import { listAll } from './list-page.ts';
import { mapLimited } from './map-limited.ts';
import { tellVaultState } from './tell-vault-state.ts';

/** Tasks that a sweep removes at most; the next one goes on. */
const TASKS_MAX = 20_000;
/** Vaults swept at the same time: each reads its backups, so this bounds the memory. */
const VAULTS_AT_ONCE = 4;

/**
 * Applies retention to every vault there is (spec section 4.3): what has expired is deleted, and
 * what was left over when a backup completed. A vault's owner is told how it stands. A vault that
 * fails is reported and does not keep the others; a sweep that is cut off is finished by the next
 * one of the day. Then it removes tasks that ended long ago.
 */
export async function sweepRetention(
  ports: RetentionPorts & {
    notifier: Notifier;
    settings: Pick<DataPorts['settings'], 'taskKeptMs'>;
  },
): Promise<{ vaults: number; deleted: number; failed: number; tasks: number }> {
  const total = { vaults: 0, deleted: 0, failed: 0 };
  await mapLimited(
    await listAll(ports.catalog.garbage.vaultIds()),
    async (id) => {
      try {
        const { deleted, failed } = await applyRetentionToVault(id, ports);
        total.vaults++;
        total.deleted += deleted;
        total.failed += failed;
        await tellVaultState(id, ports);
      } catch (error) {
        // Deleted since the list was read.
        if (isError(error, 'BackupService.6105')) return;
        ports.probe.problem('retention.vault-failed', error, { vaultId: id.vaultId });
      }
    },
    VAULTS_AT_ONCE,
  );
  const { catalog, clock, settings } = ports;
  const tasks = await catalog.tasks.removeEnded(clock.nowMs() - settings.taskKeptMs, TASKS_MAX);
  ports.probe.note('retention.swept', { ...total, tasks });
  return { ...total, tasks };
}
