import { randomBytes, randomUUID } from 'node:crypto';
import { expect, it } from '@jest/globals';
import type { Credential } from '../../lib/model/credential.ts';
import { AT_MS, someAccessKey } from '../support/catalog-records.ts';
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

  it("lists a project's tokens and access keys, newest first", async () => {
    const { credentials, accessKeys } = subject().catalog;
    const projectId = randomUUID();
    const tokens = [1, 2, 3].map((n) => ({ ...someCredential(), projectId, createdAtMs: n }));
    const accessKey = someAccessKey({ projectId });
    await Promise.all([...tokens, someCredential()].map((one) => credentials.put(one)));
    await Promise.all([accessKey, someAccessKey()].map((one) => accessKeys.put(one)));
    expect(await Array.fromAsync(credentials.list(projectId))).toStrictEqual(tokens.toReversed());
    expect(await Array.fromAsync(accessKeys.list(projectId))).toStrictEqual([accessKey]);
    await accessKeys.delete(accessKey.id);
    expect(await Array.fromAsync(accessKeys.list(projectId))).toStrictEqual([]);
  });

  it('finds an access key until it is deleted, and replaces one that is put again', async () => {
    const { accessKeys } = subject().catalog;
    const accessKey = someAccessKey();
    expect(await accessKeys.find(accessKey.id)).toBeNull();
    await accessKeys.put(accessKey);
    expect(await accessKeys.find(accessKey.id)).toStrictEqual(accessKey);
    const ending = { ...accessKey, expiresAtMs: AT_MS + 1 };
    await accessKeys.put(ending);
    expect(await accessKeys.find(accessKey.id)).toStrictEqual(ending);
    await accessKeys.delete(accessKey.id);
    await accessKeys.delete(accessKey.id);
    expect(await accessKeys.find(accessKey.id)).toBeNull();
  });

  it('keeps the tokens that were issued apart from those of the operator', async () => {
    const { credentials, accessKeys } = subject().catalog;
    const { tokenSha256 } = someCredential();
    expect(await accessKeys.issued(tokenSha256)).toBeNull();
    const token = {
      tokenSha256,
      accessKeyId: 'AK',
      createdAtMs: Date.now(),
      expiresAtMs: Date.now() + 60_000,
    };
    await accessKeys.issue(token);
    expect(await accessKeys.issued(tokenSha256)).toStrictEqual(token);
    expect(await credentials.find(tokenSha256)).toBeNull();
  });

  it('admits a signature for the request that came with it first, and for no other', async () => {
    const { requests } = subject().catalog;
    const signed = {
      accessKeyId: 'AK',
      signature: someCredential().tokenSha256,
      untilMs: Date.now() + 60_000,
    };
    const requestIds = ['a', 'b', 'c', 'd'];
    const answers = await Promise.all(
      requestIds.map((requestId) => requests.admitOnce({ ...signed, requestId })),
    );
    expect(answers.filter(Boolean)).toHaveLength(1);
    const first = requestIds[answers.indexOf(true)] as string;
    expect(await requests.admitOnce({ ...signed, requestId: first })).toBe(true);
    expect(await requests.admitOnce({ ...signed, requestId: 'e' })).toBe(false);
    const ofAnother = { ...signed, accessKeyId: 'AK2', requestId: 'e' };
    expect(await requests.admitOnce(ofAnother)).toBe(true);
  });

  it('counts so many requests of a credential in a second, and no more', async () => {
    const { requests } = subject().catalog;
    const credentialId = someCredential().tokenSha256;
    const atMs = Math.floor(Date.now() / 1000) * 1000;
    const count = (at: number, id = credentialId) =>
      requests.count({ credentialId: id, atMs: at, max: 3 });
    const answers = await Promise.all([0, 1, 500, 998, 999].map((ms) => count(atMs + ms)));
    expect(answers.filter(Boolean)).toHaveLength(3);
    expect(await count(atMs)).toBe(false);
    expect(await count(atMs + 1000)).toBe(true);
    expect(await count(atMs, `${credentialId}2`)).toBe(true);
  });
};

const someCredential = (): Credential => ({
  tokenSha256: randomBytes(32).toString('hex'),
  projectId: randomUUID(),
  userId: 'user',
  role: 'Full',
  createdAtMs: AT_MS,
});
