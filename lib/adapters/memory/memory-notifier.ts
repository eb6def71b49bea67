import type { Notice } from '../../model/notice.ts';
import type { Notifier } from '../../ports/notifier.ts';

export interface MemoryNotifier extends Notifier {
  /** All that was sent, in order. */
  sent: Notice[];
}

export const memoryNotifier = (): MemoryNotifier => {
  const sent: Notice[] = [];
  return { sent, send: async (notice) => void sent.push({ ...notice }) };
};
