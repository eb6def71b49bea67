import type { CredentialCatalog } from '../../../ports/catalog.ts';
import type { CatalogTable } from './catalog-table.ts';
import { credentialCodec } from './credential-codecs.ts';
import { keys } from './keys.ts';
import { settle } from './settle.ts';

/** Written without a condition: repeating a put or a delete changes nothing. */
export const dynamoCredentials = (table: CatalogTable): CredentialCatalog => ({
  async put(credential) {
    const write = () => table.put(credentialCodec.encode(credential));
    await settle('credentials.put', table.limits, async () => ({ write }));
  },

  async find(tokenSha256) {
    return table.get(credentialCodec, keys.credential(tokenSha256));
  },

  async delete(tokenSha256) {
    const write = () => table.remove(keys.credential(tokenSha256));
    await settle('credentials.delete', table.limits, async () => ({ write }));
  },

  list: (projectId) => table.list(credentialCodec, projectId, 'CREDENTIAL'),
});
