import { describe, expect, it } from '@jest/globals';
import { DISK_ROUTES } from '../../../lib/api/disk-routes.ts';
import { LATER_ENDPOINTS } from '../../../lib/api/later-endpoints.ts';
import { sorting, texts, wholeNumber } from '../../../lib/api/query.ts';
import { ROUTES_BY_NOUN } from '../../../lib/api/routes.ts';
import { VAULT_ROUTES } from '../../../lib/api/vault-routes.ts';
import { CATALOGUE } from '../../../lib/errors.ts';
import { findRoute } from '../../../lib/runtime/http-function-routes.ts';

const ROUTES = Object.values(ROUTES_BY_NOUN).flat();
const table = ROUTES.map((route) => ({ route }));

describe('the table of routes', () => {
  it('has each method and path, and each name, once', () => {
    const places = [
      ...ROUTES.flatMap(({ method, paths }) => paths.map((path) => `${method} ${path}`)),
      ...LATER_ENDPOINTS.map(({ method, path }) => `${method} ${path}`),
    ].map((place) => place.replaceAll(/{\w+}/g, '{}'));
    expect(places.toSorted()).toEqual([...new Set(places)].toSorted());
    const names = ROUTES.map(({ operationId }) => operationId);
    expect(new Set(names).size).toBe(names.length);
  });

  it('has all endpoints of the specification, now or later', () => {
    // Section 9.3 has 75 rows, of which `GET /{api_version}` is `GET /v3` here; ours come on top.
    const extensions = [
      'CreateToken',
      'VerifyBackup',
      'UndeleteBackup',
      'PreviewRetention',
      'ReportCosts',
      'CancelOpLog',
      'CreateVolume',
      'ListVolumes',
      'ShowVolume',
    ];
    const ours = ROUTES.filter(({ operationId }) => !extensions.includes(operationId));
    expect(ours.length + LATER_ENDPOINTS.length).toBe(75);
  });

  it('names only errors that callers see', () => {
    for (const { errors } of ROUTES) {
      for (const code of errors) {
        expect(CATALOGUE).toHaveProperty([code]);
        expect(code).toMatch(/^(BackupService|Holdfast)\./);
      }
    }
  });

  it('prefers a fixed part of a path to a name', () => {
    for (const order of [table, table.toReversed()]) {
      const found = findRoute(order, 'GET', '/v3/p/cloudvolumes/detail');
      expect(found.endpoint.route.operationId).toBe('ListVolumes');
      expect(found.path).toEqual({ project_id: 'p' });
    }
    expect(findRoute(table, 'GET', '/v3/p/cloudvolumes/x%20y')).toMatchObject({
      endpoint: { route: { operationId: 'ShowVolume' } },
      path: { project_id: 'p', volume_id: 'x y' },
    });
  });
});

describe('ids in paths', () => {
  const request = (path: object) => ({ path: { project_id: 'p', ...path }, query: {}, body: {} });

  it.each(['../etc', '', 'a_b', 'a b', 'x'.repeat(65), 'a\u0000'])(
    'of disks are not "%s"',
    (id) => {
      expect(() => DISK_ROUTES.show.command(request({ volume_id: id }))).toThrow(
        expect.objectContaining({ code: 'BackupService.7000' }),
      );
    },
  );

  it.each(['x', '0A000000-0000-4000-8000-000000000001', ''])('of vaults are not "%s"', (id) => {
    expect(() => VAULT_ROUTES.show.command(request({ vault_id: id }))).toThrow(
      expect.objectContaining({ code: 'BackupService.6105' }),
    );
  });

  it('are handed on when they are well formed', () => {
    expect(DISK_ROUTES.show.command(request({ volume_id: 'vol-0a1' }))).toEqual({
      diskId: 'vol-0a1',
    });
  });
});

describe('query parameters', () => {
  it.each([
    ['name', [{ key: 'name', descending: true }]],
    [
      'name:desc,id:asc',
      [
        { key: 'name', descending: true },
        { key: 'id', descending: false },
      ],
    ],
  ])('sorting reads %s', (text, parts) => {
    expect(sorting(['name', 'id']).parse(text)).toEqual(parts);
  });

  it.each(['', 'age', 'names', 'name:up', 'name,', ',name', 'name:asc:desc', 'id,id,id'])(
    'sorting refuses "%s"',
    (text) => {
      expect(sorting(['name', 'id']).safeParse(text).success).toBe(false);
    },
  );

  it.each(['', '0', '11', '1.0', '+1', '-1', ' 1', '1e1', '0x1', '1'.repeat(16)])(
    'a whole number from 1 to 10 is not "%s"',
    (text) => {
      expect(wholeNumber(1, 10).safeParse(text).success).toBe(false);
    },
  );

  it('reads whole numbers and lists', () => {
    expect(wholeNumber(1, 10).parse('10')).toBe(10);
    expect(wholeNumber(1, 10).parse('01')).toBe(1);
    expect(texts.parse('a,,b,')).toEqual(['a', 'b']);
    expect(texts.safeParse('x,'.repeat(101)).success).toBe(false);
    expect(texts.safeParse('x'.repeat(255)).success).toBe(true);
    expect(texts.safeParse('x'.repeat(256)).success).toBe(false);
  });
});
