import { describe, expect, it } from '@jest/globals';
import * as z from 'zod';
import { memoryBlockIndex } from '../../lib/adapters/memory/memory-block-index.ts';
import { policyResponse } from '../../lib/api/policy-schemas.ts';
import { inlinePool } from '../../lib/engine/pool/block-pool.ts';
import { HoldfastError } from '../../lib/errors.ts';
import { runPolicies } from '../../lib/service/run-policies.ts';
import { sweepRetention } from '../../lib/service/sweep-retention.ts';
import { apiWorld, PROJECT, refusal } from '../support/api.ts';
import { runJob } from '../support/data-world.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MIB = 2 ** 20;
const DAILY = 'FREQ=DAILY;BYHOUR=02;BYMINUTE=00';

const listed = z.object({
  backups: z.array(
    z.object({ id: z.string(), created_at: z.string(), expired_at: z.string().nullable() }),
  ),
});

/**
 * The API, policies, jobs and the sweep on one memory, and days that pass in no time: a backup at
 * 02:00, a sweep at 08:00. The clock begins at midnight of 2026-01-01.
 */
const days = async (definition: object, vault: object = {}) => {
  const world = await apiWorld();
  const data = { leaseMs: 60_000, rangeSegments: 1, workers: 1, marginMs: 0 };
  const settings = { ...world.settings, ...data };
  const ports = { ...world, index: memoryBlockIndex(), pool: inlinePool(), settings };
  const vaultId = await world.addVault([await world.addDisk(MIB)], vault);
  const made = await world.call('POST', '/policies', {
    policy: {
      name: 'daily',
      operation_type: 'backup',
      trigger: { properties: { pattern: [DAILY] } },
      operation_definition: definition,
    },
  });
  const policyId = policyResponse.parse(made.body).policy.id;
  const applied = { policy_id: policyId };
  await world.call('POST', `/vaults/${vaultId}/associatepolicy`, applied);

  const runJobs = async () => {
    for (const { kind, operationLogId } of world.jobs.started.splice(0))
      await runJob(kind, { projectId: PROJECT, operationLogId, attempt: 0 }, ports);
  };
  const backups = async () =>
    listed.parse((await world.call('GET', '/backups?sort=created_at:asc')).body).backups;

  return {
    world,
    vaultId,
    policyId,
    backups,
    /** Nights and mornings, to 10:00 of the last day. */
    pass: async (count: number) => {
      for (let n = 0; n < count; n++) {
        const nowMs = world.clock.nowMs();
        const midnightMs = Math.ceil(nowMs / DAY_MS) * DAY_MS;
        world.clock.advance(midnightMs + 2 * HOUR_MS - nowMs);
        await runPolicies(ports);
        await runJobs();
        world.clock.advance(6 * HOUR_MS);
        await sweepRetention(ports);
        world.clock.advance(2 * HOUR_MS);
      }
    },
    backUpByHand: async () => {
      await world.call('POST', '/checkpoints', { checkpoint: { vault_id: vaultId } });
      await runJobs();
    },
    change: (policy: object) => world.call('PUT', `/policies/${policyId}`, { policy }),
    preview: (query = '') => world.call('GET', `/policies/${policyId}/retention-preview${query}`),
    /** The days of January of the backups that a caller sees. */
    shown: async () => (await backups()).map((one) => Number(one.created_at.slice(8, 10))),
  };
};

describe('FP2: a changed retention rule', () => {
  it('quantity 3 to 1 acts with the next backup, not before', async () => {
    const { pass, shown, change, world } = await days({ max_backups: 3 });
    await pass(4);
    expect(await shown()).toEqual([2, 3, 4]);
    expect(await change({ operation_definition: { max_backups: 1 } })).toMatchObject({
      status: 200,
    });
    world.clock.advance(10 * HOUR_MS);
    expect(await shown()).toEqual([2, 3, 4]);
    await pass(1);
    expect(await shown()).toEqual([5]);
  });

  it('quantity to time leaves the old ones for ever, and gives new ones an expiry', async () => {
    const { pass, shown, change, backups } = await days({ max_backups: 3 });
    await pass(3);
    await change({ operation_definition: { retention_duration_days: 2 } });
    await pass(6);
    expect(await shown()).toEqual([1, 2, 3, 8, 9]);
    expect((await backups()).map((one) => one.expired_at?.slice(0, 16) ?? null)).toEqual([
      null,
      null,
      null,
      '2026-01-10T02:00',
      '2026-01-11T02:00',
    ]);
  });

  it('time to quantity: the old expiry and the number both act', async () => {
    const { pass, shown, change } = await days({ retention_duration_days: 3 });
    await pass(8);
    await change({ operation_definition: { max_backups: 7 } });
    expect(await shown()).toEqual([6, 7, 8]);
    await pass(2);
    expect(await shown()).toEqual([8, 9, 10]);
  });
});

describe('FP4: retain permanently', () => {
  it('keeps every backup, without an expiry', async () => {
    const { pass, shown, backups } = await days({ max_backups: -1, retention_duration_days: -1 });
    await pass(5);
    expect(await shown()).toEqual([1, 2, 3, 4, 5]);
    for (const { expired_at } of await backups()) expect(expired_at).toBeNull();
  });
});

describe('FP6: automatic deletion of unneeded backups', () => {
  it('by number', async () => {
    const { pass, shown } = await days({ max_backups: 2 });
    await pass(5);
    expect(await shown()).toEqual([4, 5]);
  });

  it('by time', async () => {
    const { pass, shown } = await days({ retention_duration_days: 2 });
    await pass(5);
    expect(await shown()).toEqual([4, 5]);
  });

  it('by days and weeks', async () => {
    const weekly = { day_backups: 2, week_backups: 2, timezone: 'UTC+00:00' };
    const { pass, shown } = await days(weekly);
    await pass(13);
    // 2026-01-11 is a Sunday.
    expect(await shown()).toEqual([11, 12, 13]);
  });
});

describe('FP7: what the retention rule does not delete', () => {
  it('manual backups', async () => {
    const { pass, shown, backUpByHand } = await days({ max_backups: 1 });
    await backUpByHand();
    await pass(2);
    await backUpByHand();
    await pass(2);
    expect(await shown()).toEqual([1, 2, 4]);
  });

  it('by number, anything while the policy is disabled or taken off; by time, it goes on', async () => {
    const { pass, shown, change, backUpByHand, world, vaultId, policyId } = await days({
      max_backups: 2,
    });
    await pass(2);
    await change({ enabled: false, operation_definition: { max_backups: 1 } });
    await backUpByHand();
    await pass(2);
    expect(await shown()).toEqual([1, 2, 2]);
    await change({ enabled: true, operation_definition: { retention_duration_days: 1 } });
    await pass(2);
    await world.call('POST', `/vaults/${vaultId}/dissociatepolicy`, { policy_id: policyId });
    expect(await shown()).toEqual([1, 2, 2, 6]);
    await pass(2);
    expect(await shown()).toEqual([1, 2, 2]);
  });

  it('failed ones, of which the last are kept for a month', async () => {
    const { pass, shown, world } = await days({ max_backups: 1 });
    await pass(1);
    const createSnapshot = world.disks.createSnapshot.bind(world.disks);
    const busy = new HoldfastError('disk.busy', { id: 'disk', reason: 'it is being moved' });
    Object.assign(world.disks, { createSnapshot: () => Promise.reject(busy) });
    await pass(2);
    Object.assign(world.disks, { createSnapshot });
    await pass(1);
    expect(await shown()).toEqual([2, 3, 4]);
  });
});

describe('retention preview', () => {
  it('says what is kept and deleted, and why, also under a rule that is not saved', async () => {
    const { pass, preview, backUpByHand, shown } = await days({ max_backups: 4 });
    await backUpByHand();
    await pass(3);
    expect(await preview()).toMatchObject({
      status: 200,
      body: {
        operation_definition: { max_backups: 4 },
        keep_count: 4,
        delete_count: 0,
        backups: [
          { decision: 'keep', reasons: ['manual'] },
          { decision: 'keep', reasons: ['newest'] },
          { decision: 'keep', reasons: ['newest'] },
          { decision: 'keep', reasons: ['newest'] },
        ],
      },
    });
    const changed = '?max_backups=1&day_backups=2&timezone=UTC%2B01:00';
    expect((await preview(changed)).body).toMatchObject({
      operation_definition: { max_backups: 1, day_backups: 2, timezone: 'UTC+01:00' },
      keep_count: 3,
      delete_count: 1,
      backups: [
        { reasons: ['manual'] },
        {
          decision: 'delete',
          reasons: ['beyond_rule'],
          created_at: '2026-01-01T02:00:00.000+00:00',
        },
        { reasons: ['day'] },
        { reasons: ['newest', 'day'] },
      ],
    });
    const page = await preview(`${changed}&decision=keep&limit=1&offset=2`);
    expect(page.body).toMatchObject({
      keep_count: 3,
      count: 3,
      limit: 1,
      offset: 2,
      backups: [{ reasons: ['newest', 'day'] }],
    });
    expect(await shown()).toEqual([1, 1, 2, 3]);
  });

  it('answers what then happens', async () => {
    const { pass, preview, change, backUpByHand, shown } = await days({ max_backups: 9 });
    await pass(5);
    const { body } = await preview('?max_backups=2');
    const kept = z
      .object({ backups: z.array(z.object({ decision: z.string(), created_at: z.string() })) })
      .parse(body)
      .backups.flatMap((one) =>
        one.decision === 'keep' ? Number(one.created_at.slice(8, 10)) : [],
      );
    await change({ operation_definition: { max_backups: 2 } });
    await backUpByHand();
    expect(await shown()).toEqual([...kept, 5]);
  });

  it('looks at a vault that the policy is not applied to yet', async () => {
    const { world, preview, pass } = await days({ max_backups: 1 });
    await pass(1);
    const { vaultId } = await world.addBackup();
    const answer = await preview(`?vault_id=${vaultId}`);
    expect(answer.body).toMatchObject({ count: 1, backups: [{ vault_id: vaultId }] });
  });

  it.each([
    ['?max_backups=1&retention_duration_days=1', 400, 'BackupService.9900', 'cannot be combined'],
    ['?day_backups=1', 400, 'BackupService.9900', 'timezone'],
    ['?max_backups=0', 400, 'BackupService.9900', 'max_backups'],
    ['?day_backups=101', 400, 'BackupService.9900', 'day_backups'],
    ['?decision=maybe', 400, 'BackupService.9900', 'decision'],
    ['?vault_id=none', 404, 'BackupService.6105', 'none'],
  ])('refuses %s', async (query, status, code, text) => {
    const { preview } = await days({ max_backups: 1 });
    expect(await preview(query)).toMatchObject({ status, body: refusal(code, text) });
  });

  it('takes an unescaped + of a time zone for what it means', async () => {
    const { preview } = await days({ max_backups: 1 });
    expect((await preview('?day_backups=1&timezone=UTC+05:30')).body).toMatchObject({
      operation_definition: { timezone: 'UTC+05:30', max_backups: -1 },
    });
  });

  it('knows no policy that is not there', async () => {
    const { world } = await days({ max_backups: 1 });
    const missing = `/policies/${world.ids.uuid()}/retention-preview`;
    expect(await world.call('GET', missing)).toMatchObject({
      status: 404,
      body: refusal('BackupService.6000'),
    });
  });

  it('does not know yet what becomes of replicas', async () => {
    const { world } = await days({ max_backups: 1 });
    const { body } = await world.call('POST', '/policies', {
      policy: {
        name: 'elsewhere',
        operation_type: 'replication',
        trigger: { properties: { pattern: ['FREQ=DAILY;INTERVAL=1;BYHOUR=1;BYMINUTE=00'] } },
        operation_definition: { destination_region: 'r', destination_project_id: 'p' },
      },
    });
    const { id } = (body as { policy: { id: string } }).policy;
    expect(await world.call('GET', `/policies/${id}/retention-preview`)).toMatchObject({
      status: 501,
      body: refusal('Holdfast.NotImplemented', 'Retention of replicas'),
    });
  });
});
