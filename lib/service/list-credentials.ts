import type { Grant } from '../model/credential.ts';
import type { CredentialKind, CredentialPorts } from './create-credential.ts';

/** A credential as it is shown: without its secret, which nobody has but its owner. */
export interface ShownCredential extends Grant {
  kind: CredentialKind;
  id: string;
}

/** The project's credentials, newest first; also those that have expired. */
export async function listCredentials(
  projectId: string,
  { catalog }: Pick<CredentialPorts, 'catalog'>,
): Promise<ShownCredential[]> {
  const shown: ShownCredential[] = [];
  for await (const { tokenSha256, ...grant } of catalog.credentials.list(projectId))
    shown.push({ kind: 'token', id: tokenSha256, ...grant });
  for await (const { id, provider: _, wrapped: __, ...grant } of catalog.accessKeys.list(projectId))
    shown.push({ kind: 'access-key', id, ...grant });
  return shown.toSorted((a, b) => b.createdAtMs - a.createdAtMs);
}
