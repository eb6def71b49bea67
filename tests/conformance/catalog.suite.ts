import { afterAll, beforeAll, describe } from '@jest/globals';
import type { Catalog } from '../../lib/ports/catalog.ts';
import { backupCases } from './catalog-backups.suite.ts';
import { credentialCases } from './catalog-credentials.suite.ts';
import { diskCases } from './catalog-disks.suite.ts';
import { listCases } from './catalog-lists.suite.ts';
import { packCases } from './catalog-packs.suite.ts';
import { policyCases } from './catalog-policies.suite.ts';
import { repetitionCases } from './catalog-repetitions.suite.ts';
import { sessionCases } from './catalog-sessions.suite.ts';
import { taskCases } from './catalog-tasks.suite.ts';
import { vaultCases } from './catalog-vaults.suite.ts';
import { ledgerCases } from './usage-ledger.suite.ts';

/** A catalog under test, and what the collector will do to it. */
export interface CatalogUnderTest {
  catalog: Catalog;
  setEpoch: (vaultId: string, epoch: number) => Promise<void>;
  setPackState: (vaultId: string, packId: string, state: 'CONDEMNED' | 'DELETING') => Promise<void>;
  /** How many items are left of a vault, in whatever partition. */
  itemsOf: (vaultId: string) => Promise<number>;
  close(): Promise<void>;
}

/** The catalog that a case uses: there is one per suite, and ids of its own per case. */
export type Subject = () => CatalogUnderTest;

/** The promises of `lib/ports/catalog.ts`. */
export const catalogSuite = (name: string, start: () => Promise<CatalogUnderTest>): void => {
  describe(`catalog: ${name}`, () => {
    let subject: CatalogUnderTest;
    beforeAll(async () => {
      subject = await start();
    });
    afterAll(async () => {
      await subject.close();
    });
    const get: Subject = () => subject;

    describe('repeated calls', () => repetitionCases(get));
    describe('vaults', () => vaultCases(get));
    describe('disks of vaults', () => diskCases(get));
    describe('backups', () => backupCases(get));
    describe('policies', () => policyCases(get));
    describe('sessions', () => sessionCases(get));
    describe('packs', () => packCases(get));
    describe('tasks', () => taskCases(get));
    describe('usage ledger', () => ledgerCases(get));
    describe('lists', () => listCases(get));
    describe('credentials', () => credentialCases(get));
  });
};
