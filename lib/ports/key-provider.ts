/** What a wrapped secret belongs to: a vault's key, or the secret of an access key. */
export type KeyContext = { vaultId: string } | { accessKeyId: string };

/**
 * Wraps vault keys and secrets of access keys (KMS, or a key file). An adapter must guarantee:
 * - what `wrap` returns can be unwrapped with the same `context` and no other (authenticated);
 * - a wrong context, a damaged blob or another provider's blob fails with `format.wrong-key`;
 * - an outage fails with `key.unavailable`; plain keys are never logged or stored.
 */
export interface KeyProvider {
  /** Stands in the stored key object: which provider can unwrap it. */
  readonly name: string;
  wrap(plain: Uint8Array, context: KeyContext): Promise<Uint8Array>;
  unwrap(wrapped: Uint8Array, context: KeyContext): Promise<Uint8Array>;
}
