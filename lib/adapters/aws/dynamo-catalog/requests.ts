import type { RequestCatalog } from '../../../ports/catalog.ts';
import type { CatalogTable } from './catalog-table.ts';
import { signatureCodec } from './credential-codecs.ts';
import { expiring } from './expiring.ts';
import { keys } from './keys.ts';
import { isConditionFailed, settle } from './settle.ts';

/** How long a count is kept after its second: nobody looks at it again. */
const COUNT_KEPT_MS = 60_000;

export const dynamoRequests = (table: CatalogTable): RequestCatalog => ({
  async admitOnce({ untilMs, ...signed }) {
    const key = keys.signature(signed.accessKeyId, signed.signature);
    return settle('requests.admitOnce', table.limits, async (attempt) => {
      const seen = attempt === 1 ? null : await table.get(signatureCodec, key);
      // A first answer that was lost is read here: whose signature it is decides.
      if (seen !== null) return { done: seen.requestId === signed.requestId };
      const item = expiring(signatureCodec.encode(signed), untilMs);
      return { write: () => table.put(item, { exists: false }).then(() => true) };
    });
  },

  async count({ credentialId, atMs, max }) {
    const second = Math.floor(atMs / 1000);
    const change = {
      count: { requests: 1 },
      set: expiring({}, second * 1000 + COUNT_KEPT_MS),
    };
    const when = { below: { requests: max } };
    const write = () =>
      table.update(keys.requestCount(credentialId, second), change, when).then(
        () => true,
        (error: unknown) => {
          if (isConditionFailed(error)) return false;
          throw error;
        },
      );
    return settle('requests.count', table.limits, async () => ({ write }));
  },
});
