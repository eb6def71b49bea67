import type { Grant } from '../../model/credential.ts';
import type { AccessKeyCatalog, CredentialCatalog, RequestCatalog } from '../../ports/catalog.ts';
import { copyOf, type MemoryCatalogState } from './memory-catalog-state.ts';

export const memoryCredentials = ({ credentials }: MemoryCatalogState): CredentialCatalog => ({
  async put(credential) {
    credentials.set(credential.tokenSha256, copyOf(credential));
  },

  async find(tokenSha256) {
    return copyOf(credentials.get(tokenSha256) ?? null);
  },

  async delete(tokenSha256) {
    credentials.delete(tokenSha256);
  },

  async *list(projectId) {
    yield* newestFirst(credentials, projectId);
  },
});

export const memoryAccessKeys = ({
  accessKeys,
  issuedTokens,
}: MemoryCatalogState): AccessKeyCatalog => ({
  async put(key) {
    accessKeys.set(key.id, copyOf(key));
  },

  async find(id) {
    return copyOf(accessKeys.get(id) ?? null);
  },

  async delete(id) {
    accessKeys.delete(id);
  },

  async *list(projectId) {
    yield* newestFirst(accessKeys, projectId);
  },

  async issue(token) {
    issuedTokens.set(token.tokenSha256, copyOf(token));
  },

  async issued(tokenSha256) {
    return copyOf(issuedTokens.get(tokenSha256) ?? null);
  },
});

export const memoryRequests = ({
  signatures,
  requestCounts,
}: MemoryCatalogState): RequestCatalog => ({
  async admitOnce({ accessKeyId, signature, requestId }) {
    const key = `${accessKeyId}/${signature}`;
    const first = signatures.get(key) ?? requestId;
    signatures.set(key, first);
    return first === requestId;
  },

  async count({ credentialId, atMs, max }) {
    const key = `${credentialId}/${Math.floor(atMs / 1000)}`;
    const counted = requestCounts.get(key) ?? 0;
    if (counted >= max) return false;
    requestCounts.set(key, counted + 1);
    return true;
  },
});

/** The project's, newest first; of two of one moment, the one whose id is greater. */
const newestFirst = <T extends Grant>(records: Map<string, T>, projectId: string): T[] =>
  [...records]
    .filter(([, record]) => record.projectId === projectId)
    .toSorted(([a, x], [b, y]) => y.createdAtMs - x.createdAtMs || (a < b ? 1 : -1))
    .map(([, record]) => copyOf(record));
