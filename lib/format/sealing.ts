import { createCipheriv, createDecipheriv } from 'node:crypto';
import { TAG_BYTES } from './limits.ts';

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;

/** A nonce of AES-GCM: the number, little-endian. A key never meets the same number twice. */
export function nonceOf(number: number): Uint8Array {
  const nonce = Buffer.alloc(NONCE_BYTES);
  nonce.writeUInt32LE(number, 0);
  return nonce;
}

/**
 * AES-256-GCM into `target` at `offset`: the ciphertext, as long as `plain`, then the tag.
 * The caller has made sure that there is room.
 */
export function sealInto(
  target: Uint8Array,
  offset: number,
  args: { key: Uint8Array; nonce: Uint8Array; additional: Uint8Array; plain: Uint8Array },
): void {
  const cipher = createCipheriv(CIPHER, args.key, args.nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(args.additional);
  target.set(cipher.update(args.plain), offset);
  cipher.final();
  target.set(cipher.getAuthTag(), offset + args.plain.length);
}

/** The plaintext of ciphertext and tag; `null` when the tag does not match. */
export function open(args: {
  key: Uint8Array;
  nonce: Uint8Array;
  additional: Uint8Array;
  sealed: Uint8Array;
}): Buffer | null {
  const tagAt = args.sealed.length - TAG_BYTES;
  if (tagAt < 0) return null;
  const decipher = createDecipheriv(CIPHER, args.key, args.nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(args.additional);
  decipher.setAuthTag(args.sealed.subarray(tagAt));
  const plain = decipher.update(args.sealed.subarray(0, tagAt));
  try {
    decipher.final();
  } catch {
    return null; // the only failure of final() in this mode: the tag does not match
  }
  return plain;
}
