import { createCipheriv, createDecipheriv, hash, randomBytes } from 'node:crypto';
import { HoldfastError } from '../../errors.ts';
import type { KeyContext, KeyProvider } from '../../ports/key-provider.ts';

/** Bytes of a master key. */
export const MASTER_KEY_BYTES = 32;

/** Magic, version 1 and flags 0 of a wrapped key (docs/format/v1.md, section 7). */
const HEAD = Buffer.from('HFWK\x01\x00\x00\x00', 'latin1');
const FINGERPRINT_BYTES = 8;
const BOUND_BYTES = HEAD.length + FINGERPRINT_BYTES;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const SEALED_AT = BOUND_BYTES + NONCE_BYTES;
const CIPHER = 'aes-256-gcm';

/**
 * A key provider that wraps with a master key which this process holds itself.
 *
 * @param master gives the key; called for every use, so that it decides how long it is kept
 */
export const masterKeyProvider = (
  name: string,
  master: () => Promise<Uint8Array>,
): KeyProvider => ({
  name,
  wrap: async (plain, context) => wrap(await master(), plain, context),
  unwrap: async (wrapped, context) => unwrap(await master(), wrapped, context),
});

function wrap(master: Uint8Array, plain: Uint8Array, context: KeyContext): Uint8Array {
  const bound = Buffer.concat([HEAD, fingerprintOf(master)]);
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, master, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(additional(bound, context));
  const sealed = [cipher.update(plain), cipher.final(), cipher.getAuthTag()];
  return Buffer.concat([bound, nonce, ...sealed]);
}

function unwrap(master: Uint8Array, wrapped: Uint8Array, context: KeyContext): Uint8Array {
  const bound = Buffer.concat([HEAD, fingerprintOf(master)]);
  const refused = (cause?: unknown) => {
    const what = `The wrapped key of ${ownerOf(context)}`;
    const keyId = bound.subarray(HEAD.length).toString('hex');
    return new HoldfastError('format.wrong-key', { what, keyId }, { cause });
  };
  if (wrapped.length < SEALED_AT + TAG_BYTES) throw refused();
  if (!bound.equals(wrapped.subarray(0, BOUND_BYTES))) throw refused();
  const nonce = wrapped.subarray(BOUND_BYTES, SEALED_AT);
  const decipher = createDecipheriv(CIPHER, master, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(additional(bound, context));
  decipher.setAuthTag(wrapped.subarray(-TAG_BYTES));
  const plain = decipher.update(wrapped.subarray(SEALED_AT, -TAG_BYTES));
  try {
    decipher.final();
  } catch (cause) {
    throw refused(cause);
  }
  return plain;
}

/** Tells which master key a blob needs, and nothing else about it. */
const fingerprintOf = (master: Uint8Array): Uint8Array =>
  hash('sha256', Buffer.concat([Buffer.from('holdfast/key-file'), master]), 'buffer').subarray(
    0,
    FINGERPRINT_BYTES,
  );

/** Of a vault its id alone (docs/format/v1.md, section 7); a UUID is never taken for the other. */
const additional = (bound: Uint8Array, context: KeyContext): Uint8Array =>
  Buffer.concat([
    bound,
    Buffer.from('vaultId' in context ? context.vaultId : `access-key/${context.accessKeyId}`),
  ]);

const ownerOf = (context: KeyContext): string =>
  'vaultId' in context ? `vault ${context.vaultId}` : `access key ${context.accessKeyId}`;
