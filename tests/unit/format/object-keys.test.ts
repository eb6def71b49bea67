import { describe, expect, it } from '@jest/globals';
import {
  backupsPrefix,
  commitMarkerKey,
  manifestKey,
  packKey,
  parseManifestKey,
  parsePackKey,
  segmentKey,
  vaultFileKey,
  vaultKeyKey,
  vaultPrefix,
} from '../../../lib/format/object-keys.ts';
import { SOME } from '../../support/some-stored.ts';

const { vaultId, sessionId, keyId, packId } = SOME;
const VAULT = { projectId: 'project_1-A', vaultId };
const PREFIX = `v1/project_1-A/${vaultId}/`;
const BUG = expect.objectContaining({ code: 'bug' });

describe('object keys', () => {
  it('are those of section 3', () => {
    expect(vaultPrefix(VAULT.projectId, vaultId)).toBe(PREFIX);
    expect(vaultFileKey(VAULT)).toBe(`${PREFIX}vault.json`);
    expect(vaultKeyKey(VAULT, keyId)).toBe(`${PREFIX}keys/${keyId}`);
    expect(packKey(VAULT, packId)).toBe(`${PREFIX}packs/00/${packId}`);
    expect(segmentKey(VAULT, sessionId, 65_535, packId)).toBe(
      `${PREFIX}backups/${sessionId}/segments/65535-${packId}`,
    );
    expect(manifestKey(VAULT, sessionId)).toBe(`${PREFIX}backups/${sessionId}/manifest`);
    expect(commitMarkerKey(VAULT, sessionId)).toBe(`${PREFIX}backups/${sessionId}/committed`);
    expect(backupsPrefix(VAULT)).toBe(`${PREFIX}backups/`);
  });

  it.each(['', '..', 'a/b', 'a'.repeat(65), 'é', 'a\n'])('refuse project id %j', (projectId) => {
    expect(() => vaultPrefix(projectId, vaultId)).toThrow(BUG);
  });

  it('refuse every other id that is not as ids are', () => {
    expect(() => vaultPrefix('p', '../x')).toThrow(BUG);
    expect(() => vaultKeyKey(VAULT, keyId.replace('1', '/'))).toThrow(BUG);
    expect(() => packKey(VAULT, packId.toUpperCase())).toThrow(BUG);
    expect(() => manifestKey(VAULT, `${sessionId}\n`)).toThrow(BUG);
    expect(() => commitMarkerKey(VAULT, '')).toThrow(BUG);
    for (const number of [-1, 65_536, 0.5, Number.NaN]) {
      expect(() => segmentKey(VAULT, sessionId, number, packId)).toThrow(BUG);
    }
    expect(() => segmentKey(VAULT, sessionId, 0, `${packId}00`)).toThrow(BUG);
  });

  it('are parsed back', () => {
    expect(parseManifestKey(manifestKey(VAULT, sessionId))).toEqual({ ...VAULT, sessionId });
    expect(parsePackKey(packKey(VAULT, packId))).toEqual({ ...VAULT, packId });
  });

  it.each([
    '',
    `${PREFIX}backups/${sessionId}/manifest/`,
    `${PREFIX}backups/${sessionId}/committed`,
    `${PREFIX}backups/${'-'.repeat(36)}/manifest`,
    `x${PREFIX}backups/${sessionId}/manifest`,
    `v1/p/${'a'.repeat(36)}/backups/${sessionId}/manifest`,
    `v1/../${vaultId}/backups/${sessionId}/manifest`,
    `${PREFIX}packs/00/${sessionId}`,
    `${PREFIX}packs/01/${packId}`,
    `${PREFIX}packs/00/${packId}0`,
    `${PREFIX}packs/00/${packId}\n`,
  ])('%j is neither a manifest nor a pack', (key) => {
    expect(parseManifestKey(key)).toBeNull();
    expect(parsePackKey(key)).toBeNull();
  });
});
