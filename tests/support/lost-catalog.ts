import { expect } from '@jest/globals';
import type { MemoryCatalogState } from '../../lib/adapters/memory/memory-catalog-state.ts';
import { isError } from '../../lib/errors.ts';
import { commitMarkerKey, manifestKey } from '../../lib/format/object-keys.ts';
import type { DataPorts } from '../../lib/service/data-ports.ts';
import { type ReconcilePorts, reconcileVault } from '../../lib/service/reconcile-vault.ts';
import { bindDisk, type DataWorld, PROJECT } from './data-world.ts';
import { dying, interruptedPorts, toItsDeath } from './interrupted-ports.ts';

/** What a backup of DynamoDB holds. */
export const copyOfCatalog = ({ state }: DataWorld): MemoryCatalogState => structuredClone(state);

/** The catalog as it was; without a copy: an empty one. Objects and index stay as they are. */
export const loseCatalog = ({ state }: DataWorld, copy?: MemoryCatalogState): void => {
  const earlier: Partial<MemoryCatalogState> = copy === undefined ? {} : structuredClone(copy);
  for (const [name, kept] of Object.entries(state)) {
    const before = earlier[name as keyof MemoryCatalogState] ?? [];
    if (Array.isArray(kept)) kept.splice(0, kept.length, ...(before as unknown[]));
    else {
      kept.clear();
      for (const [key, value] of before as Iterable<[string, unknown]>) kept.set(key, value);
    }
  }
};

export const reconcilePorts = (world: DataWorld): ReconcilePorts => ({
  ...world.ports,
  availabilityZone: 'local-a',
});

export const reconcile = (world: DataWorld, ports = reconcilePorts(world)) =>
  reconcileVault({ projectId: PROJECT, vaultId: world.vaultId }, ports);

/** Dies at the `nth` call, and is run again. What it had asked for last may happen all the same. */
export const reconcileAfterDeath = async (world: DataWorld, nth: number): Promise<void> => {
  const late: (() => unknown)[] = [];
  const ports = interruptedPorts(world.ports, nth, dying(late), ['reconciling', 'backups']);
  await toItsDeath(() => reconcile(world, { ...reconcilePorts(world), ...ports }));
  const isInTime = nth % 2 === 0;
  if (isInTime) await Promise.allSettled(late.map(async (call) => call()));
  await reconcile(world);
  if (!isInTime) await Promise.allSettled(late.map(async (call) => call()));
  // What came late was a begin: a reconciliation that nobody finishes, until it is run again.
  if ((await world.ports.catalog.reconciling.state(world.vaultId)) === 'RECONCILING')
    await reconcile(world);
};

/** Answers `catalog`, and gives a copy of it to `keep` each time that a session has been opened. */
export const copiedAtOpen = (
  world: DataWorld,
  { catalog, ...ports }: DataPorts,
  keep: (copy: MemoryCatalogState) => void,
): DataPorts => {
  const open: typeof catalog.sessions.open = async (session) => {
    const opened = await catalog.sessions.open(session);
    keep(copyOfCatalog(world));
    return opened;
  };
  return { ...ports, catalog: { ...catalog, sessions: { ...catalog.sessions, open } } };
};

/**
 * What the watchdog does to an earlier catalog as soon as it is there. Of a session that may have
 * committed without having said so in S3 nobody knows any more.
 */
export const fenceAll = async ({ ports, vaultId, objects }: DataWorld): Promise<void> => {
  const vault = { projectId: PROJECT, vaultId };
  const { sessions } = ports.catalog;
  for (const { id } of await sessions.listOpen(vaultId)) {
    const [hasManifest, isMarked] = [manifestKey(vault, id), commitMarkerKey(vault, id)].map(
      (key) => objects.objects.has(key),
    );
    if (isMarked || !hasManifest) await sessions.end(vaultId, id, 'FENCED');
  }
};

/** Bindings are not in S3. */
export const bindAgain = async (world: DataWorld): Promise<void> => {
  await bindDisk(world).catch((error: unknown) => {
    if (!isError(error, 'BackupService.7006')) throw error;
  });
};

/** What callers see: VISIBLE backups by id, with their status. */
export const visibleBackups = async ({
  ports,
  vaultId,
}: DataWorld): Promise<Map<string, string>> => {
  const visible = new Map<string, string>();
  for await (const { id, root, status } of ports.catalog.backups.ofVault(vaultId))
    if (root === 'VISIBLE') visible.set(id, status);
  return visible;
};

/** Counts are what the items say, and the vault works again. */
export const expectConsistent = async (world: DataWorld): Promise<void> => {
  const { catalog } = world.ports;
  const { backupCount } = await catalog.vaults.usage(world.vaultId);
  expect(backupCount).toBe((await visibleBackups(world)).size);
  expect(await catalog.reconciling.state(world.vaultId)).toBe('OPEN');
};
