import { HoldfastError } from '../errors.ts';
import type { DataPorts, RangeRequest } from './data-ports.ts';

/** Reports at most this often. */
const REPORT_EVERY_MS = 1000;

/**
 * Tells the task how far a range is, keeps the session's lease, and learns of a cancellation: all
 * three on the same occasion, at most once a second.
 */
export class ProgressReport {
  #doneBytes = 0;
  #reportedAtMs = 0;
  #inFlight: Promise<void> | null = null;
  #stop: unknown;
  readonly #request: RangeRequest;
  readonly #ports: Pick<DataPorts, 'catalog' | 'clock' | 'settings'>;

  constructor(request: RangeRequest, ports: Pick<DataPorts, 'catalog' | 'clock' | 'settings'>) {
    this.#request = request;
    this.#ports = ports;
  }

  /**
   * Counts bytes of disk as gone through. Throws `Holdfast.Cancelled` or `session.not-open` once a
   * report has brought back either.
   */
  add(bytes: number): void {
    this.#doneBytes += bytes;
    if (this.#stop !== undefined) throw this.#stop;
    const nowMs = this.#ports.clock.nowMs();
    if (this.#inFlight !== null || nowMs - this.#reportedAtMs < REPORT_EVERY_MS) return;
    this.#reportedAtMs = nowMs;
    this.#inFlight = this.#send(nowMs)
      .catch((error: unknown) => {
        // An outage is not a reason to stop: the work's own calls will meet it.
        const fatal = error instanceof HoldfastError && error.kind !== 'unavailable';
        if (fatal) this.#stop = error;
      })
      .finally(() => {
        this.#inFlight = null;
      });
  }

  /** Sends what is left, once nothing is under way. */
  async finish(): Promise<void> {
    await this.#inFlight;
    if (this.#stop !== undefined) throw this.#stop;
    await this.#send(this.#ports.clock.nowMs());
  }

  async #send(atMs: number): Promise<void> {
    const { catalog, settings } = this.#ports;
    const { projectId, vaultId, operationLogId, sessionId, from } = this.#request;
    await catalog.sessions.renew(vaultId, sessionId, atMs + settings.leaseMs);
    const progress = { from, doneBytes: this.#doneBytes, atMs };
    const { cancelRequested } = await catalog.tasks.progress(projectId, operationLogId, progress);
    if (cancelRequested) throw new HoldfastError('Holdfast.Cancelled', {});
  }
}
