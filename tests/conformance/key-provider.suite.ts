import { beforeAll, describe, expect, it } from '@jest/globals';
import type { KeyProvider } from '../../lib/ports/key-provider.ts';
import { SOME } from '../support/some-stored.ts';

const { vaultId, otherId, vaultKey } = SOME;
const WRONG_KEY = expect.objectContaining({ code: 'format.wrong-key' });

/** The promises of the port `KeyProvider`. `other` holds another key of the same kind. */
export function keyProviderSuite(
  name: string,
  connect: () => Promise<{ provider: KeyProvider; other: KeyProvider }>,
): void {
  describe(name, () => {
    let provider: KeyProvider;
    let other: KeyProvider;
    let wrapped: Uint8Array;

    beforeAll(async () => {
      ({ provider, other } = await connect());
      wrapped = await provider.wrap(vaultKey, { vaultId });
    });

    it('unwraps what it wrapped, in the same context alone', async () => {
      expect(new Uint8Array(await provider.unwrap(wrapped, { vaultId }))).toEqual(vaultKey);
      await expect(provider.unwrap(wrapped, { vaultId: otherId })).rejects.toThrow(WRONG_KEY);
    });

    it('binds the secret of an access key to it, and never takes one context for another', async () => {
      const context = { accessKeyId: vaultId };
      const secret = await provider.wrap(vaultKey, context);
      expect(new Uint8Array(await provider.unwrap(secret, context))).toEqual(vaultKey);
      for (const wrong of [{ vaultId }, { accessKeyId: otherId }])
        await expect(provider.unwrap(secret, wrong)).rejects.toThrow(WRONG_KEY);
      await expect(provider.unwrap(wrapped, context)).rejects.toThrow(WRONG_KEY);
    });

    it('refuses what another key wrapped', async () => {
      await expect(other.unwrap(wrapped, { vaultId })).rejects.toThrow(WRONG_KEY);
    });

    it('refuses a blob that is damaged, cut off or none', async () => {
      for (let at = 0; at < wrapped.length; at++) {
        const damaged = Uint8Array.from(wrapped);
        damaged[at]! ^= 1;
        await expect(provider.unwrap(damaged, { vaultId })).rejects.toThrow(WRONG_KEY);
        const cut = wrapped.subarray(0, at);
        await expect(provider.unwrap(cut, { vaultId })).rejects.toThrow(WRONG_KEY);
      }
      const long = new Uint8Array(100_000);
      await expect(provider.unwrap(long, { vaultId })).rejects.toThrow(WRONG_KEY);
    });

    it('shows nothing of the key, and wraps it differently each time', async () => {
      const again = await provider.wrap(vaultKey, { vaultId });
      expect(Buffer.from(again).equals(wrapped)).toBe(false);
      expect(Buffer.from(wrapped).includes(Buffer.from(vaultKey.subarray(0, 8)))).toBe(false);
      expect(new Uint8Array(await provider.unwrap(again, { vaultId }))).toEqual(vaultKey);
    });

    it('has a name for the stored key', () => {
      expect(provider.name).toMatch(/^[a-z]+$/);
    });
  });
}
