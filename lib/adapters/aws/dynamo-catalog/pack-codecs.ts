import type { PackId, VaultId } from '../../../model/ids.ts';
import { PACK_TRANSITIONS, type Pack } from '../../../model/pack.ts';
import { bytes, codec, integer, optional, stateOf, text } from './codec.ts';
import { keys } from './keys.ts';

export const packCodec = codec<Pack>(
  {
    vaultId: text,
    id: text,
    state: stateOf(PACK_TRANSITIONS),
    keyId: text,
    sessionId: text,
    slotCount: integer,
    present: bytes,
    lastRefEpoch: integer,
    storedBytes: integer,
    condemnedEpoch: optional(integer),
    reason: optional(text),
  },
  (pack) => keys.pack(pack.vaultId, pack.id),
);

export const quarantinedPackCodec = codec<{ vaultId: VaultId; id: PackId }>(
  { vaultId: text, id: text },
  ({ vaultId, id }) => keys.quarantinedPack(vaultId, id),
);
