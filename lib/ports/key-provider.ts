/**
 * Wraps vault keys (KMS, or a key file). An adapter must guarantee:
 * - what `wrap` returns can be unwrapped with the same `context` and no other (authenticated);
 * - a wrong context, a damaged blob or another provider's blob fails with `format.wrong-key`;
 * - an outage fails with `key.unavailable`; plain keys are never logged or stored.
 */
export interface KeyProvider {
  /** Stands in the stored key object: which provider can unwrap it. */
  readonly name: string;
  wrap(plain: Uint8Array, context: { vaultId: string }): Promise<Uint8Array>;
  unwrap(wrapped: Uint8Array, context: { vaultId: string }): Promise<Uint8Array>;
}
