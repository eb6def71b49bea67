import type { MeteredSpec, UsageSample, VaultChange } from '../../../model/usage-ledger.ts';
import { codec, integer, listOf, number, object, optional, text } from './codec.ts';
import { tag } from './codecs.ts';
import { keys } from './keys.ts';

export const vaultChangeCodec = codec<VaultChange>(
  {
    projectId: text,
    vaultId: text,
    revision: integer,
    atMs: integer,
    spec: optional(
      object<MeteredSpec>({
        name: text,
        sizeGib: number,
        tags: listOf(tag),
        enterpriseProjectId: text,
      }),
    ),
  },
  ({ projectId, vaultId, revision }) => keys.vaultChange(projectId, vaultId, revision),
);

/** A vault's samples of one day, in the order in which they were taken. */
type SampledDay = Pick<UsageSample, 'projectId' | 'vaultId'> & {
  dayMs: number;
  samples: Omit<UsageSample, 'projectId' | 'vaultId'>[];
};

export const sampledDayCodec = codec<SampledDay>(
  {
    projectId: text,
    vaultId: text,
    dayMs: integer,
    samples: listOf(
      object<SampledDay['samples'][number]>({
        atMs: integer,
        usedBytes: integer,
        backupCount: integer,
      }),
    ),
  },
  ({ projectId, dayMs, vaultId }) => keys.sampledDay(projectId, dayMs, vaultId),
);
