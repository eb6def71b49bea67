/** Randomness. Cryptographically strong: keys, salts and ids come from here. */
export interface Ids {
  uuid(): string;
  bytes(count: number): Uint8Array;
}
