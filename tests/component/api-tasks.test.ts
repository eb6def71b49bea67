import { describe, expect, it } from '@jest/globals';
import { operationLogListResponse } from '../../lib/api/operation-log-schemas.ts';
import { sweepRetention } from '../../lib/service/sweep-retention.ts';
import { type ApiWorld, apiWorld, PROJECT, refusal } from '../support/api.ts';

/** A disk of 1000 bytes that is being backed up, and its task. */
async function runningBackup(world: ApiWorld) {
  const vaultId = await world.addVault([await world.addDisk(1000, 'data')], { name: 'v' });
  const { backupIds } = await world.addCheckpoint(vaultId);
  const { operationLogId: taskId } = await world.catalog.backups.get(PROJECT, backupIds[0]!);
  return { vaultId, taskId };
}

describe('show task', () => {
  it('follows a task from waiting to its end', async () => {
    const world = await apiWorld();
    const { taskId, vaultId } = await runningBackup(world);
    const { tasks } = world.catalog;
    const show = async () => (await world.call('GET', `/operation-logs/${taskId}`)).body;
    const common = (progress: number) => ({
      extra_info: { common: { progress, task_id: taskId } },
    });
    expect(await show()).toMatchObject({
      operation_log: {
        ...common(0),
        id: taskId,
        operation_type: 'backup',
        status: 'waiting',
        vault_id: vaultId,
        vault_name: 'v',
        policy_id: null,
        started_at: null,
        ended_at: null,
        error_info: { code: '', message: '' },
      },
    });

    world.clock.advance(2000);
    const atMs = world.clock.nowMs();
    await tasks.start(PROJECT, taskId, { atMs, totalBytes: 1000 });
    await tasks.progress(PROJECT, taskId, { from: 0, doneBytes: 399, atMs });
    expect(await show()).toMatchObject({
      operation_log: {
        ...common(39),
        status: 'running',
        started_at: '2026-01-01T00:00:02.000+00:00',
      },
    });
    await tasks.progress(PROJECT, taskId, { from: 1, doneBytes: 601, atMs });
    expect(await show()).toMatchObject({ operation_log: common(99) });

    const failure = { code: 'disk.unavailable', message: 'away' };
    const outcome = { readBytes: 5, packs: ['p1'] };
    await tasks.end(PROJECT, taskId, { status: 'failed', atMs, failure, outcome });
    expect(await show()).toMatchObject({
      operation_log: {
        status: 'failed',
        ended_at: '2026-01-01T00:00:02.000+00:00',
        error_info: failure,
        extra_info: { outcome },
      },
    });
  });

  it.each(['11111111-2222-3333-4444-555555555555', 'nonsense'])(
    'answers 404 for %s',
    async (id) => {
      const world = await apiWorld();
      const shown = await world.call('GET', `/operation-logs/${id}`);
      expect(shown).toMatchObject({ status: 404, body: refusal('BackupService.6500') });
      const cancelled = await world.call('POST', `/operation-logs/${id}/cancel`);
      expect(cancelled).toMatchObject({ status: 404, body: refusal('BackupService.6500') });
    },
  );
});

describe('cancel task', () => {
  it('asks a task to stop, and again without harm', async () => {
    const world = await apiWorld();
    const { taskId } = await runningBackup(world);
    for (let n = 0; n < 2; n++) {
      const answer = await world.call('POST', `/operation-logs/${taskId}/cancel`);
      expect(answer).toMatchObject({
        status: 202,
        body: { operation_log: { id: taskId, extra_info: { cancel_requested: true } } },
      });
    }
    expect((await world.catalog.tasks.get(PROJECT, taskId)).cancelRequested).toBe(true);
  });

  it('refuses one that has ended', async () => {
    const world = await apiWorld();
    const { taskId } = await runningBackup(world);
    const end = { status: 'failed', atMs: world.clock.nowMs() } as const;
    await world.catalog.tasks.end(PROJECT, taskId, end);
    const answer = await world.call('POST', `/operation-logs/${taskId}/cancel`);
    expect(answer).toMatchObject({ status: 409, body: refusal('Holdfast.NotCancellable') });
  });
});

describe('a task that ended', () => {
  it('says what to do about its error, is shown for thirty days, and then swept', async () => {
    const world = await apiWorld();
    const { taskId } = await runningBackup(world);
    const failure = { code: 'BackupService.6112', message: 'text' };
    const end = { status: 'failed', atMs: world.clock.nowMs(), failure } as const;
    await world.catalog.tasks.end(PROJECT, taskId, end);
    const show = () => world.call('GET', `/operation-logs/${taskId}`);
    const count = async () => (await world.call('GET', '/operation-logs')).body;
    expect(await show()).toMatchObject({
      body: { operation_log: { extra_info: { advice: 'wait, or look at the state first' } } },
    });
    world.clock.advance(world.settings.taskKeptMs - 1);
    expect(await count()).toMatchObject({ count: 1 });
    expect(await sweepRetention(world)).toMatchObject({ tasks: 0 });
    world.clock.advance(1);
    expect(await show()).toMatchObject({ status: 404, body: refusal('BackupService.6500') });
    const cancelled = await world.call('POST', `/operation-logs/${taskId}/cancel`);
    expect(cancelled).toMatchObject({ status: 404, body: refusal('BackupService.6500') });
    expect(await count()).toMatchObject({ count: 0, operation_logs: [] });
    world.clock.advance(1);
    expect(await sweepRetention(world)).toMatchObject({ tasks: 1 });
    expect(world.state.tasks.has(taskId)).toBe(false);
  });
});

describe('list tasks', () => {
  it('pages newest first', async () => {
    const world = await apiWorld();
    const ids: string[] = [];
    for (let n = 0; n < 3; n++) {
      ids.unshift((await runningBackup(world)).taskId);
      world.clock.advance(1000);
    }
    const { body } = await world.call('GET', '/operation-logs?limit=2&offset=1');
    const { operation_logs: logs, count } = operationLogListResponse.parse(body);
    expect({ ids: logs.map(({ id }) => id), count }).toEqual({ ids: ids.slice(1), count: 3 });
  });

  it.each([
    ['', 1],
    ['status=waiting', 1],
    ['status=running,waiting', 1],
    ['status=success', 0],
    ['operation_type=backup', 1],
    ['operation_type=restore', 0],
    ['vault_name=v', 1],
    ['vault_name=w', 0],
    ['vault_id=w', 0],
    ['resource_name=data', 1],
    ['resource_name=other', 0],
    ['resource_id=other', 0],
    ['provider_id=d1603440-187d-4516-af25-121250c7cc97', 1],
    ['provider_id=0daac4c5-6707-4851-97ba-169e36266b66', 0],
    ['enterprise_project_id=0', 1],
    ['enterprise_project_id=1', 0],
    ['enterprise_project_id=all_granted_eps', 1],
    ['start_time=2026-01-01T00:00:00Z&end_time=2026-01-01T00:00:00Z', 1],
    ['start_time=2026-01-01T00:00:01Z', 0],
    ['end_time=2025-12-31T23:59:59Z', 0],
  ])('filters by %s', async (query, count) => {
    const world = await apiWorld();
    await runningBackup(world);
    expect((await world.call('GET', `/operation-logs?${query}`)).body).toMatchObject({ count });
  });

  it.each(['status=done', 'operation_type=nap', 'start_time=1', 'limit=x'])(
    'refuses %s',
    async (query) => {
      const world = await apiWorld();
      const [field] = query.split('=') as [string];
      const answer = await world.call('GET', `/operation-logs?${query}`);
      expect(answer).toMatchObject({ status: 400, body: refusal('BackupService.9900', field) });
    },
  );
});
