import { expect, it } from '@jest/globals';
import type { VaultUsage } from '../../lib/model/vault.ts';
import { race } from '../support/catalog-assertions.ts';
import { givenWorld } from '../support/catalog-world.ts';
import { WRITES } from '../support/catalog-writes.ts';
import type { Subject } from './catalog.suite.ts';

/** Idempotence: a lost answer makes a caller repeat a call, even while the first one still runs. */
export const repetitionCases = (subject: Subject): void => {
  it.each(Object.entries(WRITES))('%s, many times at once, is one success', async (name, write) => {
    const { catalog } = subject();
    const world = await givenWorld(catalog);
    const { winners } = await race(Array.from({ length: 5 }, () => () => write(catalog, world)));
    expect(winners).toBe(5);
    const usage = await catalog.vaults.usage(world.vault.id);
    expect(usage).toStrictEqual(USAGE_AFTER[name] ?? { usedBytes: 1024, backupCount: 1 });
  });
};

/** What the vault counts where it is not what the world began with. */
const USAGE_AFTER: Record<string, VaultUsage> = {
  'backups.hide': { usedBytes: 1024, backupCount: 0 },
  'sessions.commit': { usedBytes: 2048, backupCount: 2 },
};
