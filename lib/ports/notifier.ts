import type { Notice } from '../model/notice.ts';

/**
 * Tells the owner of a vault what happened. Guarantees: once `send` resolves, the notice will be
 * delivered, perhaps twice. Fails with `notifier.unavailable`, after which it may or may not be.
 */
export interface Notifier {
  send(notice: Notice): Promise<void>;
}
