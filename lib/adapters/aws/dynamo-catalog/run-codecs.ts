import type { CollectorRun } from '../../../model/collector-run.ts';
import type { ProjectId, VaultId } from '../../../model/ids.ts';
import type { RunningEpoch } from '../../catalog-rules/garbage-rules.ts';
import { codec, flag, integer, optional, text } from './codec.ts';
import { keys } from './keys.ts';

/** The vault's epoch and run; only the collector moves it. */
export type EpochItem = {
  vaultId: VaultId;
  epoch: number;
  isDeleting?: boolean;
} & Partial<CollectorRun>;

export const epochCodec = codec<EpochItem>(
  {
    vaultId: text,
    epoch: integer,
    runId: optional(text),
    horizon: optional(integer),
    hasCounted: optional(flag),
    isDeleting: optional(flag),
  },
  ({ vaultId }) => keys.epoch(vaultId),
);

/** The vault's epoch with the run that it belongs to. */
export const runningEpoch = (item: EpochItem): RunningEpoch => {
  const { epoch, runId, horizon, hasCounted } = item;
  if (runId === undefined) return { epoch };
  const run = {
    runId,
    ...(horizon !== undefined && { horizon }),
    ...(hasCounted && { hasCounted }),
  };
  return { epoch, run };
};

/** A vault among all there are. */
export const vaultMarkCodec = codec<{ projectId: ProjectId; vaultId: VaultId }>(
  { projectId: text, vaultId: text },
  ({ vaultId }) => keys.vaultMark(vaultId),
);
