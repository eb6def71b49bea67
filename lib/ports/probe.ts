/** What of interest happened. Logs and metrics are adapters of this. Never given a secret. */
export interface Probe {
  /** `event` is a dotted name such as `backup.committed`; facts are plain values. */
  note(event: string, facts?: Record<string, string | number | boolean | undefined>): void;
  /** Something went wrong that somebody may have to look at. */
  problem(
    event: string,
    error: unknown,
    facts?: Record<string, string | number | boolean | undefined>,
  ): void;
}
