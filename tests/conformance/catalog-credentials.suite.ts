import { randomBytes, randomUUID } from 'node:crypto';
import { expect, it } from '@jest/globals';
import type { Credential } from '../../lib/model/credential.ts';
import { AT_MS } from '../support/catalog-records.ts';
import type { Subject } from './catalog.suite.ts';

export const credentialCases = (subject: Subject): void => {
  it('finds a credential by the hash of its token until it is deleted', async () => {
    const { credentials } = subject().catalog;
    const credential = someCredential();
    const { tokenSha256 } = credential;
    expect(await credentials.find(tokenSha256)).toBeNull();
    await credentials.put(credential);
    await credentials.put(credential);
    expect(await credentials.find(tokenSha256)).toStrictEqual(credential);
    await credentials.delete(tokenSha256);
    await credentials.delete(tokenSha256);
    expect(await credentials.find(tokenSha256)).toBeNull();
  });

  it('replaces a credential that is put again', async () => {
    const { credentials } = subject().catalog;
    const credential = someCredential();
    await credentials.put(credential);
    const changed = { ...credential, role: 'ReadOnly', expiresAtMs: AT_MS + 1 } as const;
    await credentials.put(changed);
    expect(await credentials.find(credential.tokenSha256)).toStrictEqual(changed);
  });
};

const someCredential = (): Credential => ({
  tokenSha256: randomBytes(32).toString('hex'),
  projectId: randomUUID(),
  userId: 'user',
  role: 'Full',
  createdAtMs: AT_MS,
});
