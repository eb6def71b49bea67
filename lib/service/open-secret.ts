import { HoldfastError } from '../errors.ts';
import type { AccessKey } from '../model/credential.ts';
import type { KeyProvider } from '../ports/key-provider.ts';

/** Secrets that one key provider opened and that are kept: more callers than that are rare. */
const KEPT_MAX = 256;

/**
 * What was opened, by what was wrapped: the same blob has the same secret for ever, so nothing here
 * goes stale. Whether there still is such a key is asked of the catalog at each request.
 */
const opened = new WeakMap<KeyProvider, Map<string, Uint8Array>>();

/** The secret of an access key. The key provider is asked once for each key. */
export async function openSecret(
  key: Pick<AccessKey, 'id' | 'provider' | 'wrapped'>,
  keys: KeyProvider,
): Promise<Uint8Array> {
  if (key.provider !== keys.name) {
    const what = `access key of provider ${key.provider}`;
    throw new HoldfastError('format.wrong-key', { what, keyId: keys.name });
  }
  const kept = opened.get(keys) ?? new Map<string, Uint8Array>();
  opened.set(keys, kept);
  const blob = `${key.id}/${Buffer.from(key.wrapped).toString('base64')}`;
  const known = kept.get(blob);
  if (known) return known;
  const secret = await keys.unwrap(key.wrapped, { accessKeyId: key.id });
  const [oldest] = kept.keys();
  if (kept.size >= KEPT_MAX && oldest !== undefined) kept.delete(oldest);
  kept.set(blob, secret);
  return secret;
}
