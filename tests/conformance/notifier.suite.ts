import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Notice } from '../../lib/model/notice.ts';
import type { Notifier } from '../../lib/ports/notifier.ts';

export interface NotifierUnderTest {
  notifier: Notifier;
  /** What has arrived at the other end. */
  received: () => unknown[];
  /** The other end refuses from now on; absent where there is nothing that could. */
  refuse?: () => void;
  close?: () => void;
}

const NOTICE: Notice = {
  type: 'vault.threshold-reached',
  id: 'n1',
  projectId: 'p1',
  vaultId: 'v1',
  vaultName: 'ящик',
  atMs: 1_767_225_600_000,
  usedBytes: 80,
  sizeBytes: 100,
  threshold: 80,
};

export const notifierSuite = (name: string, make: () => Promise<NotifierUnderTest>): void => {
  describe(`notifier: ${name}`, () => {
    let subject: NotifierUnderTest;
    beforeEach(async () => {
      subject = await make();
    });
    afterEach(() => subject.close?.());

    it('delivers each notice as it was sent', async () => {
      const notices = [NOTICE, { ...NOTICE, id: 'n2' }];
      for (const notice of notices) await subject.notifier.send(notice);
      expect(subject.received()).toEqual(notices);
    });

    it('delivers the same notice again', async () => {
      for (let time = 0; time < 2; time++) await subject.notifier.send(NOTICE);
      expect(subject.received()).toEqual([NOTICE, NOTICE]);
    });

    it('says by name that it could not deliver', async () => {
      if (subject.refuse === undefined) return;
      subject.refuse();
      await expect(subject.notifier.send(NOTICE)).rejects.toMatchObject({
        code: 'notifier.unavailable',
        kind: 'unavailable',
      });
    });
  });
};
