/** Requests in flight for one answer: enough to hide their latency, few enough to stay polite. */
const IN_FLIGHT_MAX = 16;

/** `Promise.all` over `items.map(run)` with at most `inFlightMax` running; results in order. */
export async function mapLimited<T, R>(
  items: readonly T[],
  run: (item: T) => Promise<R>,
  inFlightMax = IN_FLIGHT_MAX,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      const at = next++;
      results[at] = await run(items[at] as T);
    }
  };
  await Promise.all(Array.from({ length: Math.min(inFlightMax, items.length) }, lane));
  return results;
}
