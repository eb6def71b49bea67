/** The run of the collector that a vault belongs to, and what is kept with it (rule R7). */
export interface CollectorRun {
  runId: string;
  /** m0, fixed for the run; absent until the run has read the sessions. */
  horizon?: number;
  /** The run has counted the used bytes. */
  hasCounted?: boolean;
}
