/**
 * Runs `work` on every item with at most `lanes` at a time. After a failure no new item is begun;
 * the first failure is thrown when all lanes have stopped, so nothing goes on behind the caller.
 */
export const runLanes = async <T>(
  items: AsyncIterator<T> | Iterator<T>,
  lanes: number,
  work: (item: T) => Promise<void>,
): Promise<void> => {
  const failures: unknown[] = [];
  const lane = async () => {
    while (failures.length === 0) {
      try {
        const next = await items.next();
        if (next.done) return;
        await work(next.value);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  if (failures.length > 0) throw failures[0];
};
