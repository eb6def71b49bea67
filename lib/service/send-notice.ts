import { isError } from '../errors.ts';
import type { Notice } from '../model/notice.ts';
import type { Vault } from '../model/vault.ts';
import type { Notifier } from '../ports/notifier.ts';
import type { Probe } from '../ports/probe.ts';

/** What every notice says of its vault. */
export const noticeOf = ({ id: vaultId, projectId, name: vaultName }: Vault, atMs: number) => ({
  projectId,
  vaultId,
  vaultName,
  atMs,
});

/** Sends a notice; true when it was sent. What cannot be sent is reported and no more. */
export async function sendNotice(
  notice: Notice,
  { notifier, probe }: { notifier: Notifier; probe: Probe },
): Promise<boolean> {
  try {
    await notifier.send(notice);
    return true;
  } catch (error) {
    if (!isError(error)) throw error;
    probe.problem('notice.not-sent', error, { type: notice.type, vaultId: notice.vaultId });
    return false;
  }
}
