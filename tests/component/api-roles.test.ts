import { describe, expect, it } from '@jest/globals';
import { ROUTES_BY_NOUN } from '../../lib/api/routes.ts';
import { type Role, roleAllows } from '../../lib/model/credential.ts';
import { apiWorld, httpEvent, PROJECT, refusal, send } from '../support/api.ts';

/** The least of the three roles that may do each action (spec row BF5, names of section 9.8). */
const LEAST: Record<string, Role> = {
  'cbr:vaults:list': 'ReadOnly',
  'cbr:vaults:get': 'ReadOnly',
  'cbr:vaults:create': 'BackupsAndVaults',
  'cbr:vaults:update': 'BackupsAndVaults',
  'cbr:vaults:delete': 'BackupsAndVaults',
  'cbr:vaults:addResources': 'BackupsAndVaults',
  'cbr:vaults:removeResources': 'BackupsAndVaults',
  'cbr:vaults:setResources': 'BackupsAndVaults',
  'cbr:vaults:migrateResources': 'BackupsAndVaults',
  'cbr:vaults:associatePolicy': 'BackupsAndVaults',
  'cbr:vaults:dissociatePolicy': 'BackupsAndVaults',
  'cbr:vaults:backup': 'BackupsAndVaults',
  'cbr:vaults:replicate': 'BackupsAndVaults',
  'cbr:vaults:listProtectables': 'ReadOnly',
  'cbr:vaults:getProtectables': 'ReadOnly',
  'cbr:vaults:listResourceInstances': 'ReadOnly',
  'cbr:vaults:bulkCreateOrDeleteTags': 'BackupsAndVaults',
  'cbr:vaults:setTags': 'BackupsAndVaults',
  'cbr:vaults:deleteTags': 'BackupsAndVaults',
  'cbr:vaults:getTags': 'ReadOnly',
  'cbr:vaults:listProjectTags': 'ReadOnly',
  'cbr:backups:list': 'ReadOnly',
  'cbr:backups:get': 'ReadOnly',
  'cbr:backups:listFeatures': 'ReadOnly',
  'cbr:backups:update': 'BackupsAndVaults',
  'cbr:backups:delete': 'BackupsAndVaults',
  'cbr:backups:restore': 'BackupsAndVaults',
  'cbr:backups:replicate': 'BackupsAndVaults',
  'cbr:backups:verify': 'BackupsAndVaults',
  'cbr:backups:undelete': 'BackupsAndVaults',
  'cbr:backups:queryReplicationCapability': 'ReadOnly',
  'cbr:policies:list': 'ReadOnly',
  'cbr:policies:get': 'ReadOnly',
  'cbr:policies:create': 'Full',
  'cbr:policies:update': 'Full',
  'cbr:policies:delete': 'Full',
  'cbr:member:create': 'BackupsAndVaults',
  'cbr:member:update': 'BackupsAndVaults',
  'cbr:member:get': 'ReadOnly',
  'cbr:member:list': 'ReadOnly',
  'cbr:member:delete': 'BackupsAndVaults',
  'cbr:projects:list': 'ReadOnly',
  'cbr:projects:get': 'ReadOnly',
  'cbr:tasks:list': 'ReadOnly',
  'cbr:tasks:get': 'ReadOnly',
  'cbr:tasks:cancel': 'BackupsAndVaults',
  'evs:volumes:list': 'ReadOnly',
  'evs:volumes:get': 'ReadOnly',
  'evs:volumes:create': 'BackupsAndVaults',
};

const ROLES: Role[] = ['ReadOnly', 'BackupsAndVaults', 'Full'];
const mayDo = (role: Role, action: string) =>
  ROLES.indexOf(role) >= ROLES.indexOf(LEAST[action] ?? 'Full');

const ROUTES = Object.values(ROUTES_BY_NOUN)
  .flat()
  .flatMap((route) =>
    route.action === null ? [] : [{ ...route, action: route.action, path: route.paths[0]! }],
  );

/** A path in the caller's project, with ids that name nothing. */
const pathOf = (template: string) =>
  template
    .replace('{project_id}', PROJECT)
    .replace('{protectable_type}', 'disk')
    .replace('{domain_name}', 'Default')
    .replace('{source_project_id}', PROJECT)
    .replaceAll(/{\w+}/g, '11111111-2222-3333-4444-555555555555');

it.each(Object.keys(LEAST))('%s is for its roles', (action) => {
  for (const role of ROLES)
    expect([role, roleAllows(role, action)]).toEqual([role, mayDo(role, action)]);
});

describe.each(ROUTES)('$operationId ($action)', ({ action, method, path }) => {
  it('asks for an action of the table, and for one that reads when it is a GET', () => {
    expect(Object.keys(LEAST)).toContain(action);
    if (method === 'GET') expect(LEAST[action]).toBe('ReadOnly');
  });

  it.each(ROLES)('admits or denies %s', async (role) => {
    const world = await apiWorld();
    const token = await world.admit(PROJECT, role);
    const answer = await send(httpEvent(method, pathOf(path), { token, body: {} }), world);
    if (mayDo(role, action)) {
      expect([200, 400, 404]).toContain(answer.status);
      expect(answer.body).not.toEqual(refusal('Holdfast.NotFound'));
    } else {
      const body = refusal('Holdfast.ActionDenied', action);
      expect(answer).toMatchObject({ status: 403, body });
    }
  });
});
