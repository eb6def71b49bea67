import { describe, expect, it } from '@jest/globals';
import type { Backup, SinceFull } from '../../../lib/model/backup.ts';
import { nextBackups } from '../../../lib/model/policy-run.ts';
import { utc } from '../../support/retention-history.ts';

/** Full backups now and then (spec section 4.1, `full_backup_interval`). */

const DAY_MS = 86_400_000;

const backup = (atMs: number, isFull: boolean, sinceFull?: SinceFull | null): Backup =>
  ({
    disk: { id: 'disk' },
    manifest: { sessionId: 's', sha256: 'm' },
    incremental: !isFull,
    completedAtMs: atMs,
    createdAtMs: atMs,
    ...(isFull ? {} : { parentBackupId: 'parent' }),
    ...(sinceFull && { sinceFull }),
  }) as Backup;

/** Which of some backups, `everyMs` apart, are full, when retention keeps the newest `kept`. */
const history = (interval: number, kept: number, count: number, everyMs = DAY_MS): boolean[] => {
  let backups: Backup[] = [];
  return Array.from({ length: count }, (_, n) => {
    const nowMs = utc('2026-08-03') + n * everyMs;
    const next = nextBackups(backups, interval, nowMs).get('disk');
    const isFull = n === 0 || next === null;
    backups = [...backups, backup(nowMs, isFull, next)].slice(-kept);
    return isFull;
  });
};

const fullOnes = (...args: Parameters<typeof history>): number[] =>
  history(...args).flatMap((isFull, n) => (isFull ? [n] : []));

describe('a full backup', () => {
  it.each([100, 3, 1])('follows so many incremental ones, of which %d are kept', (kept) => {
    expect(fullOnes(4, kept, 12)).toEqual([0, 5, 10]);
  });

  it.each([100, 1])('is made once a day at most, with %d kept', (kept) => {
    expect(fullOnes(0, kept, 72, DAY_MS / 24)).toEqual([0, 24, 48]);
    expect(fullOnes(2, kept, 72, DAY_MS / 24)).toEqual([0, 24, 48]);
  });

  it('is counted from by backups that know nothing of it, too', () => {
    const atMs = utc('2026-08-03');
    const made = [0, 1, 2].map((n) => backup(atMs + n * DAY_MS, n === 0));
    const nowMs = atMs + 3 * DAY_MS;
    expect(nextBackups(made, 3, nowMs).get('disk')).toEqual({ fullAtMs: atMs, incrementals: 3 });
    expect(nextBackups(made, 2, nowMs).get('disk')).toBeNull();
    expect(nextBackups(made.slice(1), 2, nowMs).get('disk')).toBeNull();
    expect(nextBackups(made.slice(2), 2, nowMs).get('disk')).toEqual({
      fullAtMs: 0,
      incrementals: 2,
    });
  });

  it('is not counted from when it never became whole', () => {
    const { manifest: _, ...failed } = backup(utc('2026-08-04'), true);
    const made = [backup(utc('2026-08-03'), true), failed];
    expect(nextBackups(made, 1, utc('2026-08-05')).get('disk')).toEqual({
      fullAtMs: utc('2026-08-03'),
      incrementals: 1,
    });
    expect(nextBackups([failed], 1, utc('2026-08-05')).size).toBe(0);
  });
});
