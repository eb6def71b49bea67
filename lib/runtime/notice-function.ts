import * as z from 'zod';
import type { Notice } from '../model/notice.ts';
import type { Notifier } from '../ports/notifier.ts';
import type { Probe } from '../ports/probe.ts';
import { deliverNotice } from '../service/deliver-notice.ts';

const text = z.string();
const common = {
  id: text,
  projectId: text,
  vaultId: text,
  vaultName: text,
  atMs: z.int(),
};

/** Notices as they travel: docs/notifications.md documents them. */
export const noticeSchema: z.ZodType<Notice> = z.discriminatedUnion('type', [
  z.strictObject({
    ...common,
    type: z.literal('vault.threshold-reached'),
    usedBytes: z.int(),
    sizeBytes: z.int(),
    threshold: z.int(),
  }),
  z.strictObject({
    ...common,
    type: z.literal('backup.failed'),
    operationLogId: text,
    backupId: text,
    backupName: text,
    diskId: text,
    diskName: text,
    code: text,
    message: text,
  }),
  z.strictObject({
    ...common,
    type: z.literal('vault.not-backed-up'),
    policyId: text,
    pointMs: z.int(),
    code: text,
    message: text,
  }),
  z.strictObject({
    ...common,
    type: z.literal('vault.audit-findings'),
    found: z.int(),
    first: text,
  }),
  z.strictObject({
    ...common,
    type: z.literal('vault.disks-associated'),
    policyId: text,
    disks: z.array(z.strictObject({ id: text, name: text })),
  }),
  z.strictObject({
    ...common,
    type: z.literal('vault.unprotected'),
    lacks: z.array(z.enum(['enabled-policy', 'resources'])),
  }),
  z.strictObject({ ...common, type: z.literal('vault.protected') }),
  z.strictObject({ ...common, type: z.literal('vault.frozen') }),
]);

/**
 * Delivers one notice and answers with it: Lambda puts the answer on the event bus. A failure is
 * thrown, and Lambda calls again.
 */
export const noticeFunction =
  (world: () => { receiver: Notifier | null; probe: Probe }) =>
  async (event: unknown): Promise<Notice> => {
    const { receiver, probe } = world();
    try {
      return await deliverNotice(noticeSchema.parse(event), { receiver, probe });
    } catch (error) {
      probe.problem('notice.not-delivered', error);
      throw error;
    }
  };
