import { HoldfastError } from '../../errors.ts';
import type { Notifier } from '../../ports/notifier.ts';

/** How long a receiver may take, the connection included. */
const TIMEOUT_MS = 10_000;

/** Posts notices to a URL as JSON; any answer of 2xx is a receipt. Redirects are not followed. */
export const webhookNotifier = (url: string, timeoutMs = TIMEOUT_MS): Notifier => ({
  send: async (notice) => {
    try {
      const { ok, status, body } = await fetch(url, {
        method: 'POST',
        redirect: 'error',
        headers: { 'content-type': 'application/json', 'x-holdfast-notice': notice.type },
        body: JSON.stringify(notice),
        signal: AbortSignal.timeout(timeoutMs),
      });
      await body?.cancel();
      if (!ok) throw new Error(`the receiver answered ${status}`);
    } catch (cause) {
      throw new HoldfastError('notifier.unavailable', { id: notice.id }, { cause });
    }
  },
});
