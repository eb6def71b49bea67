import { isError } from '../errors.ts';
import {
  commitMarkerKey,
  keysPrefix,
  manifestKey,
  packKey,
  vaultKeyKey,
} from '../format/object-keys.ts';
import type { Finding } from '../model/finding.ts';
import { commonSlots, countSlots, HOLDING_STATES, type Pack } from '../model/pack.ts';
import type { Catalog } from '../ports/catalog.ts';
import { sizeOfStored } from './is-stored.ts';
import { markLiveSlots } from './mark-live-slots.ts';
import { type GarbageFacts, sessionDoubts } from './plan-garbage.ts';
import { runLanes } from './run-lanes.ts';
import type { Surveying } from './survey-vault.ts';

/** Packs that are asked for once more, at once. */
const LANES = 8;

export interface Auditing extends Surveying {
  catalog: Pick<Catalog, 'garbage' | 'sessions' | 'backups' | 'packs'>;
}

/**
 * What of a survey is damage, and not only somebody's work that went on meanwhile. Every suspicion
 * is proven: what no rule of ARCHITECTURE.md allows at any moment is shown to have been so at one.
 * Reads alone.
 */
export const findDamage = async (facts: GarbageFacts, auditing: Auditing): Promise<Finding[]> => [
  ...(await unreadableBackups(facts, auditing)),
  ...(await lostBlocks(facts, auditing)),
  ...(await wrongObjects(facts, auditing)),
  ...(await missingKeys(facts, auditing)),
  ...(await unknownSessions(facts, auditing)),
];

/**
 * A root that is removed never comes back, and its objects go after it. So one that is still there
 * was there when its map could not be read.
 */
const unreadableBackups = async (
  { mark }: GarbageFacts,
  { projectId, catalog }: Auditing,
): Promise<Finding[]> => {
  const findings: Finding[] = [];
  for (const { backupId, reason } of mark.unreadable) {
    try {
      await catalog.backups.get(projectId, backupId);
      findings.push({ kind: 'backup-unreadable', id: backupId, text: reason });
    } catch (error) {
      if (!isError(error, 'BackupService.6200')) throw error;
    }
  }
  return findings;
};

/**
 * A slot that a pack has lost never comes back, nor does a pack that is being deleted. So what the
 * roots of now name and an earlier reading did not find is lost.
 */
const lostBlocks = async (facts: GarbageFacts, auditing: Auditing): Promise<Finding[]> => {
  const packs = new Map(facts.packs.map((pack) => [pack.id, pack]));
  const suspects = [...facts.mark.live].flatMap(([packId, named]) => {
    const missing = notHeld(named, packs.get(packId));
    return countSlots(missing) === 0 ? [] : [{ packId, missing }];
  });
  if (suspects.length === 0) return [];
  const { live } = await markLiveSlots(auditing.catalog.backups.roots(auditing.vaultId), auditing);
  return suspects.flatMap(({ packId, missing }): Finding[] => {
    const lost = countSlots(commonSlots(missing, live.get(packId) ?? NONE));
    if (lost === 0) return [];
    const pack = packs.get(packId);
    return [
      pack !== undefined && HOLDING_STATES.has(pack.state)
        ? { kind: 'blocks-missing', id: packId, text: `${lost} block(s) of it that are named` }
        : { kind: 'pack-missing', id: packId, text: `it is ${pack?.state ?? 'GONE'}` },
    ];
  });
};

const NONE = new Uint8Array(0);

/** Of the slots that roots name, those that the pack does not have. */
const notHeld = (named: Uint8Array, pack: Pack | undefined): Uint8Array =>
  pack !== undefined && HOLDING_STATES.has(pack.state)
    ? named.map((bits, n) => bits & ~(pack.present[n] ?? 0))
    : named;

/** Of packs that hold blocks: whether their objects are there, and as long as they were made. */
const wrongObjects = async (facts: GarbageFacts, auditing: Auditing): Promise<Finding[]> => {
  const suspects = facts.packs.filter(({ id, state, storedBytes }) => {
    if (!HOLDING_STATES.has(state)) return false;
    const listed = facts.objects.packs.get(id);
    return listed === undefined || (state !== 'SHRINKING' && listed.sizeBytes !== storedBytes);
  });
  const findings: Finding[] = [];
  await runLanes(suspects.values(), LANES, async ({ id }) => {
    const finding = await lookAgain(id, auditing);
    if (finding !== null) findings.push(finding);
  });
  return findings.toSorted((a, b) => (a.id < b.id ? -1 : 1));
};

/**
 * The item, the object, the item again: a pack that holds blocks before and after did so in
 * between, and one that has lost no slot was not written anew.
 */
const lookAgain = async (
  id: string,
  { projectId, vaultId, catalog, objects }: Auditing,
): Promise<Finding | null> => {
  const holding = async () => {
    const pack = await catalog.packs.get(vaultId, id);
    return pack !== null && HOLDING_STATES.has(pack.state) ? pack : null;
  };
  const before = await holding();
  const sizeBytes = await sizeOfStored(packKey({ projectId, vaultId }, id), objects);
  const after = await holding();
  if (before === null || after === null) return null;
  if (sizeBytes === null) return { kind: 'object-missing', id, text: 'it is not stored' };
  const isSettled = [before, after].every(({ state }) => state !== 'SHRINKING');
  const isSame = Buffer.compare(before.present, after.present) === 0;
  if (!isSettled || !isSame || sizeBytes === after.storedBytes) return null;
  const text = `${sizeBytes} bytes are stored, ${after.storedBytes} were written`;
  return { kind: 'object-size', id, text };
};

/** A vault's keys go after its last pack: while there is one, its key must be stored. */
const missingKeys = async (
  { packs }: GarbageFacts,
  { projectId, vaultId, catalog, objects }: Auditing,
): Promise<Finding[]> => {
  const vault = { projectId, vaultId };
  const holding = packs.filter(({ state, keyId }) => HOLDING_STATES.has(state) && keyId !== '');
  const stored = new Set<string>();
  for await (const { key } of objects.list(keysPrefix(vault))) stored.add(key);
  const findings: Finding[] = [];
  for (const [keyId, packId] of new Map(holding.map((pack) => [pack.keyId, pack.id]))) {
    if (stored.has(vaultKeyKey(vault, keyId))) continue;
    const pack = await catalog.packs.get(vaultId, packId);
    if (pack === null || !HOLDING_STATES.has(pack.state)) continue;
    findings.push({ kind: 'key-missing', id: keyId, text: 'it is in the catalog alone' });
  }
  return findings;
};

/** A session's item goes after its last object: one that is still there has no business to be. */
const unknownSessions = async (
  facts: GarbageFacts,
  { projectId, vaultId, objects }: Auditing,
): Promise<Finding[]> => {
  const findings: Finding[] = [];
  for (const { sessionId, object, reason } of sessionDoubts(facts)) {
    const keyOf = object === 'manifest' ? manifestKey : commitMarkerKey;
    const sizeBytes = await sizeOfStored(keyOf({ projectId, vaultId }, sessionId), objects);
    if (sizeBytes !== null) findings.push({ kind: 'session-unknown', id: sessionId, text: reason });
  }
  return findings;
};
