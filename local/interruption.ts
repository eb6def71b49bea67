/** Ctrl-C, a closed terminal, or a request to end. */
export interface Interruption {
  /** Aborts when it happens; its reason says what happened. */
  signal: AbortSignal;
  /** Resolves, to nothing, when it happens. */
  happened: Promise<void>;
}

/**
 * From now on a signal that would end the process is taken note of instead: whoever asks has
 * children to stop or files to remove first, and must end the process soon after.
 */
export const interruption = (): Interruption => {
  const controller = new AbortController();
  const happened = new Promise<void>((resolve) => {
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(name, () => {
        controller.abort(new Error(`Interrupted (${name}).`));
        resolve();
      });
    }
  });
  return { signal: controller.signal, happened };
};
