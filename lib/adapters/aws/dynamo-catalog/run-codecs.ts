import type { CollectorRun } from '../../../model/collector-run.ts';
import { EPOCH_TRANSITIONS, type EpochState } from '../../../model/epoch.ts';
import type { ProjectId, VaultId } from '../../../model/ids.ts';
import type { RunningEpoch } from '../../catalog-rules/garbage-rules.ts';
import { codec, flag, integer, optional, stateOf, text } from './codec.ts';
import { keys } from './keys.ts';

/** The vault's epoch and run; only the collector moves it. */
export type EpochItem = {
  vaultId: VaultId;
  epoch: number;
  isDeleting?: boolean;
  /** OPEN when it is not there. */
  state?: EpochState;
} & Partial<CollectorRun>;

export const epochCodec = codec<EpochItem>(
  {
    vaultId: text,
    epoch: integer,
    runId: optional(text),
    horizon: optional(integer),
    hasCounted: optional(flag),
    isDeleting: optional(flag),
    state: optional(stateOf(EPOCH_TRANSITIONS)),
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

export const epochStateOf = (item: EpochItem | null): EpochState => item?.state ?? 'OPEN';

/** A vault among all there are. */
export const vaultMarkCodec = codec<{ projectId: ProjectId; vaultId: VaultId }>(
  { projectId: text, vaultId: text },
  ({ vaultId }) => keys.vaultMark(vaultId),
);
