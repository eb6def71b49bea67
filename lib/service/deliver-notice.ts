import type { Notice } from '../model/notice.ts';
import type { Notifier } from '../ports/notifier.ts';
import type { Probe } from '../ports/probe.ts';

/** Writes a notice to the log and hands it to the receiver, if there is one. */
export async function deliverNotice(
  notice: Notice,
  { receiver, probe }: { receiver: Notifier | null; probe: Probe },
): Promise<Notice> {
  const { type, ...said } = notice;
  const facts = Object.entries(said).map(([name, fact]: [string, unknown]) => [
    name,
    typeof fact === 'object' ? JSON.stringify(fact) : fact,
  ]);
  probe.note(`notice.${type}`, Object.fromEntries(facts));
  await receiver?.send(notice);
  return notice;
}
