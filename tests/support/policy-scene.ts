import { policyResponse } from '../../lib/api/policy-schemas.ts';
import type { Backup } from '../../lib/model/backup.ts';
import type { PolicyRuns } from '../../lib/service/run-policies.ts';
import { type ApiWorld, apiWorld, finishBackup, PROJECT } from './api.ts';
import { backupsIn, tasksIn } from './listed.ts';

/** Policies at work: the API makes them, a clock goes on, the function that runs them is called. */

export const MINUTE_MS = 60_000;
export const HOURLY = `FREQ=DAILY;BYHOUR=${Array.from({ length: 24 }, (_, hour) => hour).join(',')};BYMINUTE=0`;
export const AT_TWO = 'FREQ=DAILY;BYHOUR=02;BYMINUTE=00';
export const NOTHING: PolicyRuns = { started: [], skipped: [], failed: [] };

export interface Scene {
  world: ApiWorld;
  vaultId: string;
  policyId: string;
  diskIds: string[];
}

/** A vault with disks and an applied policy. The clock stands at the beginning of 2026. */
export const scene = async (
  pattern = AT_TWO,
  disks = 1,
  definition: object = {},
): Promise<Scene> => {
  const world = await apiWorld();
  const diskIds = await Promise.all(Array.from({ length: disks }, () => world.addDisk()));
  const policyId = await addPolicy(world, pattern, definition);
  const vaultId = await world.addVault(diskIds, { backup_policy_id: policyId });
  return { world, vaultId, policyId, diskIds };
};

export const addPolicy = async (world: ApiWorld, pattern: string, definition: object = {}) => {
  const policy = {
    name: 'nightly',
    operation_type: 'backup',
    trigger: { properties: { pattern: [pattern] } },
    operation_definition: definition,
  };
  const answer = await world.call('POST', '/policies', { policy });
  return policyResponse.parse(answer.body).policy.id;
};

export const backupsOf = ({ world }: Scene): Promise<Backup[]> => backupsIn(world.catalog, PROJECT);

/** Ends every backup that was begun. */
export const finishAll = async (given: Scene): Promise<void> => {
  for (const { id, status } of await backupsOf(given))
    if (status === 'waiting_protect') await finishBackup(given.world, id);
};

/** The tasks of time points that made no restore point. */
export const missedTasks = async ({ world }: Scene) =>
  (await tasksIn(world.catalog, PROJECT)).filter(
    ({ status }) => status === 'skipped' || status === 'failed',
  );
