import { isUuid } from '../model/ids.ts';
import { idBytes, mustBe } from './structure.ts';

/** A vault as the keys of its objects name it. */
export interface VaultAddress {
  projectId: string;
  vaultId: string;
}

const PROJECT_ID = /^[A-Za-z0-9_-]{1,64}$/;
/** 64 TiB in segments of 1 GiB. */
const SEGMENTS_MAX = 65_536;

/** What all keys of a vault begin with (docs/format/v1.md, section 3). */
export const vaultPrefix = (projectId: string, vaultId: string): string => {
  mustBe(PROJECT_ID.test(projectId), 'a project id is 1 to 64 of A-Z a-z 0-9 _ -');
  return `v1/${projectId}/${uuid(vaultId)}/`;
};

export const vaultFileKey = (vault: VaultAddress): string => `${prefixOf(vault)}vault.json`;

export const vaultKeyKey = (vault: VaultAddress, keyId: string): string =>
  `${prefixOf(vault)}keys/${uuid(keyId)}`;

/** The first two digits spread the packs over 256 prefixes, each with its own request rate. */
export const packKey = (vault: VaultAddress, packId: string): string =>
  `${prefixOf(vault)}packs/${hex(packId).slice(0, 2)}/${packId}`;

/** `random`: 16 bytes in hex. A worker that runs twice never meets its own earlier objects. */
export const segmentKey = (
  vault: VaultAddress,
  sessionId: string,
  number: number,
  random: string,
): string => {
  mustBe(
    Number.isInteger(number) && number >= 0 && number < SEGMENTS_MAX,
    'a segment number is 0 to 65535',
  );
  return `${backupsPrefix(vault)}${uuid(sessionId)}/segments/${number}-${hex(random)}`;
};

export const manifestKey = (vault: VaultAddress, sessionId: string): string =>
  `${backupsPrefix(vault)}${uuid(sessionId)}/manifest`;

export const commitMarkerKey = (vault: VaultAddress, sessionId: string): string =>
  `${backupsPrefix(vault)}${uuid(sessionId)}/committed`;

/** What the keys of all segments, manifests and commit markers of a vault begin with. */
export const backupsPrefix = (vault: VaultAddress): string => `${prefixOf(vault)}backups/`;

const KEY_OF_VAULT = /^v1\/([A-Za-z0-9_-]{1,64})\/([0-9a-f-]{36})\/(.+)$/;

/** The session of a manifest's key; `null` for every other key. */
export function parseManifestKey(key: string): (VaultAddress & { sessionId: string }) | null {
  const [vault, sessionId] = parseKey(key, /^backups\/([0-9a-f-]{36})\/manifest$/);
  return vault && sessionId && isUuid(sessionId) ? { ...vault, sessionId } : null;
}

/** An object of a session: which one, and a segment's random part. */
export interface BackupKey extends VaultAddress {
  sessionId: string;
  part: 'segment' | 'manifest' | 'committed';
  random?: string;
}

/** What a segment's, a manifest's or a commit marker's key names; `null` for every other key. */
export function parseBackupKey(key: string): BackupKey | null {
  const [vault, sessionId, file = ''] = parseKey(
    key,
    /^backups\/([0-9a-f-]{36})\/(segments\/\d+-[0-9a-f]{32}|manifest|committed)$/,
  );
  if (!vault || !sessionId || !isUuid(sessionId)) return null;
  if (file === 'manifest' || file === 'committed') return { ...vault, sessionId, part: file };
  return { ...vault, sessionId, part: 'segment', random: file.slice(-32) };
}

/** What the keys of all wrapped keys of a vault begin with. */
export const keysPrefix = (vault: VaultAddress): string => `${prefixOf(vault)}keys/`;

/** The vault that an object belongs to; `null` for a key that is no vault's. */
export function parseVaultKey(key: string): VaultAddress | null {
  const [, projectId, vaultId] = KEY_OF_VAULT.exec(key) ?? [];
  return projectId && vaultId && isUuid(vaultId) ? { projectId, vaultId } : null;
}

/** What the keys of all packs of a vault begin with. */
export const packsPrefix = (vault: VaultAddress): string => `${prefixOf(vault)}packs/`;

/** The pack of a pack's key; `null` for every other key. */
export function parsePackKey(key: string): (VaultAddress & { packId: string }) | null {
  const [vault, packId] = parseKey(key, /^packs\/[0-9a-f]{2}\/([0-9a-f]{32})$/);
  return vault && packId && packKey(vault, packId) === key ? { ...vault, packId } : null;
}

function parseKey(
  key: string,
  rest: RegExp,
): [VaultAddress, string, string | undefined] | [null, null, undefined] {
  const vault = parseVaultKey(key);
  const [, id, second] = rest.exec(KEY_OF_VAULT.exec(key)?.[3] ?? '') ?? [];
  return vault && id ? [vault, id, second] : [null, null, undefined];
}

const prefixOf = (vault: VaultAddress): string => vaultPrefix(vault.projectId, vault.vaultId);

const uuid = (id: string): string => {
  mustBe(isUuid(id), 'an id in an object key is a UUID in lower case');
  return id;
};

const hex = (id: string): string => {
  idBytes(id);
  return id;
};
