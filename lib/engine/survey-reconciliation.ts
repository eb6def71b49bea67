import { isError } from '../errors.ts';
import type { Manifest } from '../format/manifest.ts';
import type { VaultAddress } from '../format/object-keys.ts';
import type { SegmentEntry } from '../format/segment.ts';
import type { Backup } from '../model/backup.ts';
import type { PackId } from '../model/ids.ts';
import { HOLDING_STATES, isSlotSet, PACK_SLOTS_MAX, type Pack, setSlot } from '../model/pack.ts';
import type { Session } from '../model/session.ts';
import type { Catalog } from '../ports/catalog.ts';
import type { ObjectStore } from '../ports/object-store.ts';
import { listVaultObjects, type VaultObjects } from './list-vault-objects.ts';
import { readSegment } from './read-manifest.ts';
import { readPackTable } from './read-pack-table.ts';
import { parentSessions, type Recoverable, readRecoverable } from './recover-backups.ts';
import { runLanes } from './run-lanes.ts';
import type { VaultKeys } from './vault-keys.ts';

/** Tables and manifests read at once, and segments of each manifest. */
export const SURVEY_LIMITS = { packs: 32, manifests: 4, segments: 8 };

/** A pack as its object shows it. */
export interface ShownPack {
  keyId: string;
  slotCount: number;
  present: Uint8Array;
  storedBytes: number;
}

/** A backup as its manifest shows it; the map itself is not kept. */
export interface ShownBackup {
  sessionId: string;
  state: Recoverable['state'];
  facts?: Omit<Manifest, 'segments'>;
  manifestSha256?: string;
  /** Why it is unreadable, or what of it is missing. */
  damage?: string;
}

/** What the catalog knows of a vault: nothing of one that it lost. */
export interface KnownVault {
  backups: Backup[];
  packs: Pack[];
  sessions: Session[];
}

/** What a reconciliation decides on. */
export interface ReconciliationFacts extends VaultAddress {
  vaultName: string;
  /** Where backups that come back are said to be from. */
  availabilityZone: string;
  nowMs: number;
  /** Of the run. */
  epoch: number;
  objects: VaultObjects;
  known: KnownVault;
  /** Packs whose object is not the one that the catalog knows; `damage` = it cannot be read. */
  shown: Map<PackId, ShownPack | { damage: string }>;
  backups: ShownBackup[];
  /** Packs that manifests name and nobody can read from. */
  missing: Set<PackId>;
}

interface Surveying extends VaultAddress {
  objects: ObjectStore;
  vaultKeys: VaultKeys;
}

export const readKnownVault = async (
  vaultId: string,
  catalog: Pick<Catalog, 'backups' | 'garbage' | 'sessions'>,
): Promise<KnownVault> => {
  const backups = new Map<string, Backup>();
  for await (const backup of catalog.backups.ofVault(vaultId)) backups.set(backup.id, backup);
  for await (const backup of catalog.backups.roots(vaultId)) backups.set(backup.id, backup);
  const open = await catalog.sessions.listOpen(vaultId);
  const ended = await Array.fromAsync(catalog.garbage.endedSessions(vaultId));
  return {
    backups: [...backups.values()],
    packs: await Array.fromAsync(catalog.garbage.packs(vaultId)),
    sessions: [...open, ...ended],
  };
};

/**
 * Reads all that S3 shows of a vault: the tables of packs that the catalog knows otherwise or not
 * at all, every manifest, and every segment once. Memory: 32 bytes for each pack, some hundred for
 * each backup. An outage is thrown; damage is in the answer.
 */
export const surveyReconciliation = async (
  surveying: Surveying,
  known: KnownVault,
): Promise<Pick<ReconciliationFacts, 'objects' | 'shown' | 'backups' | 'missing'>> => {
  const listed = await listVaultObjects(surveying, surveying.objects);
  const shown = await readChangedPacks(listed, known, surveying);
  const missing = new Set<PackId>();
  const backups = await readBackups(listed, presentSlots(known, listed, shown), missing, surveying);
  return { objects: listed, shown, backups, missing };
};

/** A pack only ever loses slots, and bytes with them: one of the same size is the same. */
const readChangedPacks = async (
  { packs }: VaultObjects,
  known: KnownVault,
  surveying: Surveying,
): Promise<ReconciliationFacts['shown']> => {
  const shown: ReconciliationFacts['shown'] = new Map();
  const sizes = new Map(
    known.packs.filter(hasTable).map(({ id, storedBytes }) => [id, storedBytes]),
  );
  const changed = [...packs].filter(([id, { sizeBytes }]) => sizes.get(id) !== sizeBytes);
  await runLanes(changed.values(), SURVEY_LIMITS.packs, async ([packId]) => {
    const table = await readPackTable(packId, surveying);
    if ('damage' in table) shown.set(packId, table);
    else {
      const present = new Uint8Array(Math.ceil(table.slotCount / 8));
      for (const slot of table.blocks.keys()) setSlot(present, slot);
      const { keyId, slotCount, storedBytes } = table;
      shown.set(packId, { keyId, slotCount, present, storedBytes });
    }
  });
  return shown;
};

/** An item that says what its object holds. */
const hasTable = ({ state, slotCount }: Pack): boolean =>
  HOLDING_STATES.has(state) && slotCount > 0;

/** Slots that can be read, by pack. One that is being deleted has none, whatever is left of it. */
const presentSlots = (
  known: KnownVault,
  { packs }: VaultObjects,
  shown: ReconciliationFacts['shown'],
): Map<PackId, Uint8Array> => {
  const present = new Map<PackId, Uint8Array>();
  for (const pack of known.packs) if (packs.has(pack.id)) present.set(pack.id, pack.present);
  for (const [id, pack] of shown) {
    if ('damage' in pack) present.delete(id);
    else present.set(id, pack.present);
  }
  for (const { id, state } of known.packs) if (state === 'DELETING') present.delete(id);
  return present;
};

const readBackups = async (
  { sessions }: VaultObjects,
  present: Map<PackId, Uint8Array>,
  missing: Set<PackId>,
  surveying: Surveying,
): Promise<ShownBackup[]> => {
  const backups: ShownBackup[] = [];
  const parents = new Set<string>();
  const checked = new Map<string, string | null>();
  const withManifest = [...sessions].filter(([, { hasManifest }]) => hasManifest);
  await runLanes(withManifest.values(), SURVEY_LIMITS.manifests, async ([sessionId, own]) => {
    const read = await readRecoverable({ ...surveying, sessionId }, surveying);
    for (const parent of parentSessions([read])) parents.add(parent);
    const { manifest, manifestSha256, reason } = read;
    if (manifest === undefined || manifest.vaultId !== surveying.vaultId) {
      const damage = reason ?? 'its manifest is of another vault';
      backups.push({ sessionId, state: 'unreadable', damage });
      return;
    }
    const damage = await firstDamage(manifest, { present, missing, checked }, surveying);
    const { segments: _, ...facts } = manifest;
    backups.push({
      sessionId,
      state: own.isCommitted ? 'committed' : 'unknown',
      facts,
      ...(manifestSha256 !== undefined && { manifestSha256 }),
      ...(damage !== null && { damage }),
    });
  });
  for (const backup of backups)
    if (backup.state === 'unknown' && parents.has(backup.sessionId)) backup.state = 'committed';
  return backups.toSorted((a, b) => (a.sessionId < b.sessionId ? -1 : 1));
};

interface Checking {
  present: Map<PackId, Uint8Array>;
  missing: Set<PackId>;
  /** What is wrong with a segment, by its random part: backups share most of them. */
  checked: Map<string, string | null>;
}

/** The first thing that a backup names and that is not there; `null` when it is whole. */
const firstDamage = async (
  manifest: Manifest,
  { present, missing, checked }: Checking,
  surveying: Surveying,
): Promise<string | null> => {
  let damage: string | null = null;
  await runLanes(manifest.segments.entries(), SURVEY_LIMITS.segments, async ([number, segment]) => {
    if (segment === null) return;
    let found = checked.get(segment.random);
    if (found === undefined) {
      found = await checkSegment(manifest, number, present, missing, surveying);
      checked.set(segment.random, found);
    }
    damage ??= found;
  });
  return damage;
};

const checkSegment = async (
  manifest: Manifest,
  number: number,
  present: Map<PackId, Uint8Array>,
  missing: Set<PackId>,
  surveying: Surveying,
): Promise<string | null> => {
  let entries: SegmentEntry[];
  try {
    entries = await readSegment(manifest, number, surveying);
  } catch (error) {
    if (!isError(error, 'backup.damaged', 'key.missing')) throw error;
    return error.message;
  }
  let damage: string | null = null;
  for (const entry of entries) {
    if (entry === null) continue;
    const slots = present.get(entry.packId);
    if (slots === undefined) missing.add(entry.packId);
    else if (entry.slot < PACK_SLOTS_MAX && isSlotSet(slots, entry.slot)) continue;
    damage ??= `slot ${entry.slot} of pack ${entry.packId} is not stored`;
  }
  return damage;
};
