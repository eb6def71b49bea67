import { randomUUID } from 'node:crypto';
import { fc, test } from '@fast-check/jest';
import { afterAll, beforeAll, expect } from '@jest/globals';
import { dynamoCatalog } from '../../lib/adapters/aws/dynamo-catalog/dynamo-catalog.ts';
import { memoryCatalog } from '../../lib/adapters/memory/memory-catalog.ts';
import { memoryCatalogState } from '../../lib/adapters/memory/memory-catalog-state.ts';
import { isError } from '../../lib/errors.ts';
import type { BackupStatus } from '../../lib/model/backup.ts';
import type { Catalog } from '../../lib/ports/catalog.ts';
import { type ListBackupsCommand, listBackups } from '../../lib/service/list-backups.ts';
import type { PageRequest } from '../../lib/service/list-page.ts';
import {
  AT_MS,
  commitOf,
  someBackup,
  someBinding,
  someKey,
  someSession,
  someTask,
  someVault,
} from '../support/catalog-records.ts';
import { startDynamo, type TestDynamo } from '../support/dynamo.ts';

/**
 * Lists and totals of DynamoDB, which are read from indexes and kept in counters, are those of the
 * memory, which looks at the backups themselves: whatever happened, and whatever is asked for.
 */

const BACKUPS = 8;
const STATUSES = [
  'waiting_protect',
  'protecting',
  'available',
  'waiting_restore',
  'restoring',
  'error',
  'deleted',
] as const satisfies readonly BackupStatus[];

let dynamo: TestDynamo;
beforeAll(async () => {
  dynamo = await startDynamo();
});
afterAll(() => dynamo.close());

/** What both catalogs begin with: two vaults of a project, and backups that may begin in them. */
function someProject() {
  const projectId = randomUUID();
  const vaults = [someVault({ projectId }), someVault({ projectId })] as const;
  const backups = Array.from({ length: BACKUPS }, (_, n) => {
    const vault = vaults[n % 3 === 0 ? 0 : 1];
    const binding = someBinding(vault);
    // Several are of the same time, and have the same name.
    const fields = { createdAtMs: AT_MS + (n % 3), name: `name ${n % 2}` };
    const backup = someBackup(binding, fields);
    return { binding, backup, task: someTask(backup), session: someSession(backup) };
  });
  return { projectId, vaults, backups };
}

type Project = ReturnType<typeof someProject>;
type Step = (catalog: Catalog, one: Project['backups'][number], atMs: number) => Promise<unknown>;

const STEPS: Record<string, Step> = {
  begin: ({ backups }, { backup, task }) => backups.begin(backup, task),
  commit: async ({ backups, sessions }, { backup, session }, atMs) => {
    await backups.setStatus(backup.projectId, backup.id, 'protecting', { atMs });
    await sessions.open(session);
    await sessions.commit(commitOf(backup, session.id));
  },
  hide: ({ backups }, { backup }, atMs) => backups.hide(backup.projectId, backup.id, atMs),
  undelete: ({ garbage }, { backup }, atMs) => garbage.undelete(backup.projectId, backup.id, atMs),
  rename: ({ backups }, { backup }, atMs) =>
    backups.rename(backup.projectId, backup.id, 'renamed', atMs),
  ...Object.fromEntries(
    STATUSES.map((status): [string, Step] => [
      status,
      ({ backups }, { backup }, atMs) =>
        backups.setStatus(backup.projectId, backup.id, status, { atMs }),
    ]),
  ),
};

/** `ok`, or the code with which it is refused. */
const outcome = async (asked: Promise<unknown>): Promise<string> => {
  try {
    await asked;
    return 'ok';
  } catch (error) {
    if (!isError(error)) throw error;
    return error.code;
  }
};

const steps = fc.array(
  fc.tuple(
    fc.oneof(
      { arbitrary: fc.constantFrom('begin', 'commit'), weight: 3 },
      { arbitrary: fc.constantFrom(...Object.keys(STEPS)), weight: 2 },
    ),
    fc.nat(BACKUPS - 1),
  ),
  { minLength: 10, maxLength: 50 },
);

const may = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: undefined });
const time = fc.integer({ min: AT_MS - 1, max: AT_MS + 4 });

/** What is asked for; numbers stand for the vault, disk, restore point or marker of that number. */
const asked = fc.record({
  limit: fc.integer({ min: 1, max: 4 }),
  offset: fc.nat(4),
  marker: may(fc.nat(BACKUPS - 1)),
  sort: fc.uniqueArray(
    fc.record({
      key: fc.constantFrom('name' as const, 'status' as const, 'created_at' as const),
      descending: fc.boolean(),
    }),
    { maxLength: 2 },
  ),
  status: may(fc.uniqueArray(fc.constantFrom(...STATUSES), { minLength: 1 })),
  vault: may(fc.nat(1)),
  disk: may(fc.nat(BACKUPS - 1)),
  name: may(fc.constantFrom('name 0', 'renamed')),
  deleted: may(fc.boolean()),
  createdFromMs: may(time),
  createdToMs: may(time),
});

test.prop([steps, fc.array(asked, { minLength: 10, maxLength: 20 })], { numRuns: 25 })(
  'lists and totals are the same, whatever happened and whatever is asked for',
  async (all, questions) => {
    const project = someProject();
    const { projectId, vaults, backups } = project;
    const catalogs = [
      memoryCatalog(memoryCatalogState()),
      dynamoCatalog(dynamo.client, dynamo.tables.catalog),
    ] as const;
    for (const catalog of catalogs) {
      for (const vault of vaults) await catalog.vaults.create(vault, someKey(vault));
      for (const { binding } of backups) await catalog.vaults.bind(binding);
    }
    for (const [nth, [name, n]] of all.entries()) {
      const outcomes = catalogs.map((catalog) =>
        outcome(STEPS[name]!(catalog, backups[n]!, AT_MS + 100 + nth)),
      );
      const [first, second] = await Promise.all(outcomes);
      expect([name, second]).toEqual([name, first]);
    }
    for (const vaultId of [undefined, ...vaults.map(({ id }) => id)]) {
      const totals = catalogs.map(async (catalog) =>
        Object.entries(await catalog.backups.counts(projectId, vaultId))
          .filter(([, count]) => count !== 0)
          .toSorted(([a], [b]) => (a < b ? -1 : 1)),
      );
      const [first, second] = await Promise.all(totals);
      expect(second).toEqual(first);
    }
    for (const { limit, offset, marker, vault, disk, ...rest } of questions) {
      const command: ListBackupsCommand = {
        ...rest,
        page: { limit, offset, marker: marker === undefined ? marker : backups[marker]!.backup.id },
        vaultId: vault === undefined ? vault : vaults[vault]!.id,
        resourceId: disk === undefined ? disk : backups[disk]!.backup.disk.id,
      };
      const caller = { projectId, userId: 'u', requestId: 'r', role: 'Full' } as const;
      const pages = catalogs.map(async (catalog) =>
        listBackups(command, caller, { catalog }).catch((error: unknown) => {
          if (isError(error)) return error.code;
          throw error;
        }),
      );
      const [first, second] = await Promise.all(pages);
      expect(second).toEqual(first);
      // A walk reads the list again and again: those that begin at its start are enough.
      for (const catalog of offset === 0 ? catalogs : []) {
        const ids = async (page: PageRequest) =>
          (await listBackups({ ...command, page }, caller, { catalog })).items.map(({ id }) => id);
        const all = await ids({ limit: 1000, offset: 0 });
        const walked: string[] = [];
        while (walked.length < all.length) {
          const next = await ids({ limit, offset: 0, marker: walked.at(-1) });
          expect(next).toEqual(all.slice(walked.length, walked.length + limit));
          walked.push(...next);
        }
      }
    }
  },
  120_000,
);
