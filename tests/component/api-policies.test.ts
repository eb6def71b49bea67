import { describe, expect, it } from '@jest/globals';
import { policyResponse } from '../../lib/api/policy-schemas.ts';
import { type ApiWorld, apiWorld, PROJECT, refusal, vaultRequest } from '../support/api.ts';

const NIGHTLY = 'FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR,SA,SU;BYHOUR=01;BYMINUTE=00';
const NOBODY = '00000000-0000-4000-8000-000000000000';

/** The smallest request for a policy, changed. */
const policyRequest = (policy: object = {}, definition: object = {}, pattern = [NIGHTLY]) => ({
  policy: {
    name: 'nightly',
    operation_type: 'backup',
    trigger: { properties: { pattern } },
    operation_definition: definition,
    ...policy,
  },
});

const addPolicy = async (world: ApiWorld, policy: object = {}, definition: object = {}) => {
  const answer = await world.call('POST', '/policies', policyRequest(policy, definition));
  return policyResponse.parse(answer.body).policy.id;
};

const associate = (world: ApiWorld, vaultId: string, body: object) =>
  world.call('POST', `/vaults/${vaultId}/associatepolicy`, body);

const dissociate = (world: ApiWorld, vaultId: string, policyId: string) =>
  world.call('POST', `/vaults/${vaultId}/dissociatepolicy`, { policy_id: policyId });

describe('create a policy', () => {
  it('answers with all of it, and shows it afterwards', async () => {
    const world = await apiWorld();
    const answer = await world.call(
      'POST',
      '/policies',
      // As a client of CBR sends it that has acceleration off.
      policyRequest(
        {},
        { max_backups: 3, retention_duration_days: -1, enable_acceleration: false },
      ),
    );
    expect(answer).toMatchObject({
      status: 200,
      body: {
        policy: {
          name: 'nightly',
          enabled: true,
          operation_type: 'backup',
          policy_type: 'custom_policy',
          associated_vaults: [],
          trigger: {
            name: 'default',
            type: 'time',
            properties: { pattern: [NIGHTLY], start_time: '2026-01-01 00:00:00' },
          },
          operation_definition: {
            max_backups: 3,
            retention_duration_days: -1,
            day_backups: 0,
            week_backups: 0,
            month_backups: 0,
            year_backups: 0,
            timezone: null,
          },
        },
      },
    });
    const { id } = policyResponse.parse(answer.body).policy;
    expect((await world.call('GET', `/policies/${id}`)).body).toEqual(answer.body);
  });

  it('keeps every part of a rule, and takes back what it answered', async () => {
    const world = await apiWorld();
    const definition = {
      max_backups: 7,
      day_backups: 7,
      week_backups: 4,
      month_backups: 12,
      year_backups: 1,
      timezone: 'UTC+01:00',
      full_backup_interval: 0,
    };
    const id = await addPolicy(world, { enabled: false }, definition);
    const shown = await world.call('GET', `/policies/${id}`);
    expect(shown.body).toMatchObject({
      policy: { enabled: false, operation_definition: definition },
    });
    const again = await world.call('PUT', `/policies/${id}`, shown.body);
    expect(again).toEqual({ ...shown, headers: again.headers });
  });

  it('stores a replication policy with its destination', async () => {
    const world = await apiWorld();
    const id = await addPolicy(
      world,
      { operation_type: 'replication' },
      { destination_region: 'eu-nl', destination_project_id: 'p2' },
    );
    expect((await world.call('GET', `/policies/${id}`)).body).toMatchObject({
      policy: { operation_definition: { destination_region: 'eu-nl' } },
    });
  });

  it.each<[string, string, object]>([
    ['without a name', 'name', policyRequest({ name: undefined })],
    ['a name with a space', 'name', policyRequest({ name: 'a b' })],
    ['another type', 'operation_type', policyRequest({ operation_type: 'copy' })],
    ['no pattern', 'pattern', policyRequest({}, {}, [])],
    ['a pattern by the minute', 'FREQ', policyRequest({}, {}, ['FREQ=MINUTELY;BYMINUTE=0'])],
    [
      'points less than an hour apart',
      'hour apart',
      policyRequest({}, {}, ['FREQ=DAILY;BYHOUR=1;BYMINUTE=0,30']),
    ],
    ['no backups at all', 'max_backups', policyRequest({}, { max_backups: 0 })],
    ['101 days', 'day_backups', policyRequest({}, { day_backups: 101, timezone: 'UTC+00:00' })],
    ['days without a zone', 'timezone', policyRequest({}, { day_backups: 1 })],
    [
      'time and days',
      'retention_duration_days',
      policyRequest({}, { retention_duration_days: 30, day_backups: 7, timezone: 'UTC+01:00' }),
    ],
    [
      'time and number',
      'retention_duration_days',
      policyRequest({}, { retention_duration_days: 30, max_backups: 7 }),
    ],
    [
      'acceleration',
      'enable_acceleration: invalid key',
      policyRequest({}, { enable_acceleration: true }),
    ],
    [
      'rules of another release',
      'advanced_retention_rules: invalid key',
      policyRequest({}, { advanced_retention_rules: { weekly_retention_rules: [] } }),
    ],
    ['101 incrementals', 'full_backup_interval', policyRequest({}, { full_backup_interval: 101 })],
    [
      'replication to nowhere',
      'destination_region',
      policyRequest({ operation_type: 'replication' }, { destination_region: 'eu-nl' }),
    ],
    [
      'replication to its own region',
      'destination_region',
      policyRequest(
        { operation_type: 'replication' },
        { destination_region: 'local', destination_project_id: 'p2' },
      ),
    ],
  ])('refuses %s and names the field', async (_, field, body) => {
    const world = await apiWorld();
    const answer = await world.call('POST', '/policies', body);
    expect(answer).toMatchObject({ status: 400, body: refusal('BackupService.9900', field) });
    expect((await world.call('GET', '/policies')).body).toEqual({ policies: [], count: 0 });
  });

  it('takes 32 of each type in a project', async () => {
    const world = await apiWorld();
    for (let n = 0; n < 32; n++) await addPolicy(world, { name: `p${n}` });
    const answer = await world.call('POST', '/policies', policyRequest());
    expect(answer).toMatchObject({ status: 400, body: refusal('BackupService.6001', '32') });
  });
});

describe('list policies', () => {
  it('filters by type and by vault, newest first', async () => {
    const world = await apiWorld();
    const first = await addPolicy(world);
    world.clock.advance(1000);
    const second = await addPolicy(
      world,
      { operation_type: 'replication' },
      { destination_region: 'eu-nl', destination_project_id: 'p2' },
    );
    const vaultId = await world.addVault([], { backup_policy_id: first });
    const ids = async (query: string) => {
      const { body } = await world.call('GET', `/policies${query}`);
      const { policies, count } = body as { policies: { id: string }[]; count: number };
      expect(count).toBe(policies.length);
      return policies.map(({ id }) => id);
    };
    expect(await ids('')).toEqual([second, first]);
    expect(await ids('?operation_type=replication')).toEqual([second]);
    expect(await ids(`?vault_id=${vaultId}`)).toEqual([first]);
    expect(await ids(`?vault_id=${vaultId}&operation_type=replication`)).toEqual([]);
    expect(await ids(`?vault_id=${NOBODY}`)).toEqual([]);
    const bad = await world.call('GET', '/policies?operation_type=copy');
    expect(bad).toMatchObject({ status: 400, body: refusal('BackupService.9900') });
  });
});

describe('change a policy', () => {
  it('changes what is named and leaves the rest', async () => {
    const world = await apiWorld();
    const id = await addPolicy(world, { enabled: false }, { max_backups: 3 });
    await world.call('PUT', `/policies/${id}`, { policy: { name: 'other' } });
    const changed = await world.call('PUT', `/policies/${id}`, {
      policy: { operation_definition: { retention_duration_days: 30 } },
    });
    expect(changed.body).toMatchObject({
      policy: {
        name: 'other',
        enabled: false,
        trigger: { properties: { pattern: [NIGHTLY] } },
        operation_definition: { max_backups: -1, retention_duration_days: 30 },
      },
    });
  });

  it('lets a schedule begin when it is new or enabled again, and a rule when it changes', async () => {
    const world = await apiWorld();
    const id = await addPolicy(world, {}, { max_backups: 3 });
    const put = async (policy: object) => {
      world.clock.advance(1000);
      await world.call('PUT', `/policies/${id}`, { policy });
      const { scheduleSinceMs, retentionSinceMs } = await world.catalog.policies.get(PROJECT, id);
      const nowMs = world.clock.nowMs();
      return [scheduleSinceMs === nowMs, retentionSinceMs === nowMs];
    };
    expect(await put({ name: 'same', trigger: { properties: { pattern: [NIGHTLY] } } })).toEqual([
      false,
      false,
    ]);
    expect(await put({ operation_definition: { max_backups: 3 } })).toEqual([false, false]);
    expect(await put({ operation_definition: { max_backups: 2 } })).toEqual([false, true]);
    expect(await put({ enabled: false })).toEqual([false, false]);
    expect(await put({ enabled: true })).toEqual([true, false]);
    const pattern = ['FREQ=DAILY;BYHOUR=3;BYMINUTE=0'];
    expect(await put({ trigger: { properties: { pattern } } })).toEqual([true, false]);
  });

  it('refuses what does not fit, and what is not there', async () => {
    const world = await apiWorld();
    const id = await addPolicy(world);
    const both = { max_backups: 1, retention_duration_days: 1 };
    expect(
      await world.call('PUT', `/policies/${id}`, { policy: { operation_definition: both } }),
    ).toMatchObject({ status: 400, body: refusal('BackupService.9900') });
    for (const missing of [NOBODY, 'x'])
      expect(
        await world.call('PUT', `/policies/${missing}`, { policy: { name: 'n' } }),
      ).toMatchObject({ status: 404, body: refusal('BackupService.6000') });
  });

  it('keeps the destination of replicas while it is applied', async () => {
    const world = await apiWorld();
    const to = (destination_region: string) => ({
      destination_region,
      destination_project_id: 'p2',
    });
    const id = await addPolicy(world, { operation_type: 'replication' }, to('eu-nl'));
    const move = (region: string) =>
      world.call('PUT', `/policies/${id}`, { policy: { operation_definition: to(region) } });
    expect((await move('eu-de')).status).toBe(200);
    const vaultId = await world.addVault();
    const [atMs, projectId] = [world.clock.nowMs(), PROJECT];
    const times = { settledUntilMs: atMs, appliedAtMs: atMs };
    const applied = { projectId, vaultId, type: 'replication' as const, policyId: id, ...times };
    await world.catalog.policies.apply(applied);
    expect(await move('eu-nl')).toMatchObject({ status: 400, body: refusal('BackupService.6003') });
    expect((await move('eu-de')).status).toBe(200);
  });
});

describe('delete a policy', () => {
  it('takes it off its vaults', async () => {
    const world = await apiWorld();
    const id = await addPolicy(world);
    const vaultId = await world.addVault([], { backup_policy_id: id });
    expect(await world.call('DELETE', `/policies/${id}`)).toMatchObject({ status: 204 });
    expect(await world.call('GET', `/policies/${id}`)).toMatchObject({ status: 404 });
    expect(await world.call('DELETE', `/policies/${id}`)).toMatchObject({
      status: 404,
      body: refusal('BackupService.6000'),
    });
    expect(await world.catalog.policies.appliedTo(PROJECT, vaultId)).toEqual([]);
  });
});

describe('policies of a vault', () => {
  it('are applied, shown with the policy, and taken off', async () => {
    const world = await apiWorld();
    const policyId = await addPolicy(world);
    const vaultId = await world.addVault();
    const other = await world.addVault();
    const answer = { vault_id: vaultId, policy_id: policyId };
    expect(await associate(world, vaultId, { policy_id: policyId })).toMatchObject({
      status: 200,
      body: { associate_policy: answer },
    });
    const shown = await world.call('GET', `/policies/${policyId}`);
    expect(shown.body).toMatchObject({ policy: { associated_vaults: [{ vault_id: vaultId }] } });
    const vaults = await world.call('GET', `/vaults?policy_id=${policyId}`);
    expect(vaults.body).toMatchObject({ count: 1, vaults: [{ id: vaultId }] });
    expect(await dissociate(world, other, policyId)).toMatchObject({
      status: 404,
      body: refusal('BackupService.6002'),
    });
    expect(await dissociate(world, vaultId, policyId)).toMatchObject({
      status: 200,
      body: { dissociate_policy: answer },
    });
    expect((await dissociate(world, vaultId, policyId)).status).toBe(404);
    expect((await world.call('GET', `/vaults?policy_id=${policyId}`)).body).toMatchObject({
      count: 0,
    });
  });

  it('a second backup policy takes the place of the first', async () => {
    const world = await apiWorld();
    const [first, second, third] = [
      await addPolicy(world),
      await addPolicy(world),
      await addPolicy(world),
    ];
    const vaultId = await world.addVault([], { backup_policy_id: first });
    await associate(world, vaultId, { policy_id: second });
    const applied = async () =>
      (await world.catalog.policies.appliedTo(PROJECT, vaultId)).map((one) => one.policyId);
    expect(await applied()).toEqual([second]);
    expect(await associate(world, vaultId, { add_policy_ids: [first, third] })).toMatchObject({
      body: { associate_policy: { policy_id: third } },
    });
    expect(await applied()).toEqual([third]);
  });

  it('goes on as it is when the same policy is applied again', async () => {
    const world = await apiWorld();
    const policyId = await addPolicy(world);
    const vaultId = await world.addVault([], { backup_policy_id: policyId });
    const before = await world.catalog.policies.appliedTo(PROJECT, vaultId);
    world.clock.advance(1000);
    expect((await associate(world, vaultId, { policy_id: policyId })).status).toBe(200);
    expect(await world.catalog.policies.appliedTo(PROJECT, vaultId)).toEqual(before);
  });

  it('are refused in the order of their checks', async () => {
    const world = await apiWorld();
    const vaultId = await world.addVault();
    const replication = await addPolicy(
      world,
      { operation_type: 'replication' },
      { destination_region: 'eu-nl', destination_project_id: 'p2' },
    );
    const refused = async (id: string, body: object, status: number, code: string) =>
      expect(await associate(world, id, body)).toMatchObject({ status, body: refusal(code) });
    await refused(NOBODY, { policy_id: NOBODY }, 404, 'BackupService.6105');
    await refused(vaultId, { policy_id: NOBODY }, 404, 'BackupService.6000');
    await refused(vaultId, { policy_id: replication }, 400, 'BackupService.6127');
    await refused(vaultId, {}, 400, 'BackupService.9900');
    await refused(vaultId, { policy_id: 'a', add_policy_ids: ['b'] }, 400, 'BackupService.9900');
    const vault = await world.catalog.vaults.get(PROJECT, vaultId);
    await world.catalog.vaults.update({ ...vault, status: 'lock' });
    await refused(vaultId, { policy_id: NOBODY }, 400, 'BackupService.6112');
    expect(await world.catalog.policies.appliedTo(PROJECT, vaultId)).toEqual([]);
  });

  it('can be named when a vault is made, which is refused when they do not fit', async () => {
    const world = await apiWorld();
    const replication = await addPolicy(
      world,
      { operation_type: 'replication' },
      { destination_region: 'eu-nl', destination_project_id: 'p2' },
    );
    const create = (id: string) =>
      world.call('POST', '/vaults', vaultRequest({ backup_policy_id: id }));
    expect(await create(NOBODY)).toMatchObject({ body: refusal('BackupService.6000') });
    expect(await create(replication)).toMatchObject({ body: refusal('BackupService.6127') });
    expect((await world.call('GET', '/vaults')).body).toMatchObject({ count: 0 });
  });

  it('leave no vault behind when the policy goes meanwhile', async () => {
    const world = await apiWorld();
    const policyId = await addPolicy(world);
    const create = world.catalog.vaults.create.bind(world.catalog.vaults);
    world.catalog.vaults.create = async (vault, key) => {
      await create(vault, key);
      await world.catalog.policies.delete(PROJECT, policyId);
    };
    const answer = await world.call(
      'POST',
      '/vaults',
      vaultRequest({ backup_policy_id: policyId }),
    );
    expect(answer).toMatchObject({ status: 404, body: refusal('BackupService.6000') });
    expect((await world.call('GET', '/vaults')).body).toMatchObject({ count: 0 });
  });

  it('go with their vault', async () => {
    const world = await apiWorld();
    const policyId = await addPolicy(world);
    const vaultId = await world.addVault([], { backup_policy_id: policyId });
    await world.call('DELETE', `/vaults/${vaultId}`);
    expect((await world.call('GET', `/policies/${policyId}`)).body).toMatchObject({
      policy: { associated_vaults: [] },
    });
  });
});
