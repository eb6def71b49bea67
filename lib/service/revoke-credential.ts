import { HoldfastError } from '../errors.ts';
import type { CredentialPorts } from './create-credential.ts';

/**
 * Takes a credential away, a token by its SHA-256: it is refused from then on, and so are the
 * tokens that were issued for it. `credential.missing` when there is none.
 */
export async function revokeCredential(
  id: string,
  { catalog }: Pick<CredentialPorts, 'catalog'>,
): Promise<void> {
  const { credentials, accessKeys } = catalog;
  if (await accessKeys.find(id)) return accessKeys.delete(id);
  if (await credentials.find(id)) return credentials.delete(id);
  throw new HoldfastError('credential.missing', { id });
}
