import type { RetentionRule } from '../../lib/model/policy.ts';
import {
  expiryOf,
  planRetention,
  type RetainedBackup,
  type RetentionContext,
} from '../../lib/model/retention.ts';

/** A rule that keeps everything, but for what `some` says. */
export const retentionRule = (some: Partial<RetentionRule> = {}): RetentionRule => ({
  dayBackups: 0,
  weekBackups: 0,
  monthBackups: 0,
  yearBackups: 0,
  ...some,
});

/** `2026-08-09` (at midnight) or `2026-08-09T02:00`, UTC. */
export const utc = (text: string): number =>
  Date.parse(text.length === 10 ? `${text}Z` : `${text}:00Z`);

const DAY_MS = 86_400_000;

/**
 * The backups of one resource over days, with retention as the service applies it: after each
 * backup that completes, and in the sweeps of 08:00 to 20:00.
 */
export const retentionHistory = () => {
  let backups: RetainedBackup[] = [];
  let inForce: RetentionContext['inForce'] = null;

  const apply = (nowMs: number): void => {
    const plan = planRetention(backups, { nowMs, inForce, locked: false, imageBound: new Set() });
    const gone = new Set(
      plan.flatMap(({ action, backupId }) => (action === 'delete' ? backupId : [])),
    );
    backups = backups.filter(({ id }) => !gone.has(id));
  };

  const add = (atMs: number, autoTrigger: boolean): void => {
    const rule = autoTrigger ? inForce?.rule : undefined;
    const expiresAtMs = rule && expiryOf(rule, atMs);
    backups.push({
      id: new Date(atMs).toISOString(),
      status: 'available',
      manifest: { sessionId: 's', sha256: 'm' },
      autoTrigger,
      createdAtMs: atMs,
      completedAtMs: atMs,
      ...(rule && { retention: rule }),
      ...(expiresAtMs !== undefined && { expiresAtMs }),
    });
    apply(atMs);
  };

  const history = {
    /** Sets the rule of the policy applied to the vault; null: none is, or it is disabled. */
    rule(at: string, rule: RetentionRule | null) {
      inForce = rule && { rule, sinceMs: utc(at) };
      return history;
    },
    /** A backup at a time of its own. */
    backup(at: string, kind: 'automatic' | 'manual' = 'automatic') {
      add(utc(at), kind === 'automatic');
      return history;
    },
    /** An automatic backup a day at `time`, and the hourly sweeps, in [from, to). */
    daily(from: string, to: string, time: string) {
      const midnight = utc(from) - (utc(from) % DAY_MS);
      for (let dayMs = midnight; dayMs < utc(to); dayMs += DAY_MS) {
        const [hour, minute] = time.split(':').map(Number) as [number, number];
        const runMs = dayMs + (hour * 60 + minute) * 60_000;
        const sweeps = [8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19].map(
          (h) => dayMs + h * 3_600_000,
        );
        for (const atMs of [runMs, ...sweeps].toSorted((a, b) => a - b)) {
          if (atMs < utc(from) || atMs >= utc(to)) continue;
          if (atMs === runMs && inForce !== null) add(atMs, true);
          else apply(atMs);
        }
      }
      return history;
    },
    /** When the backups that are left were made: `08-09T02:00`. */
    left: (): string[] => backups.map(({ id }) => id.slice(5, 16)),
    /** The days of the automatic ones that are left. */
    days: (): string[] =>
      backups.flatMap(({ id, autoTrigger }) => (autoTrigger ? [id.slice(5, 10)] : [])),
  };
  return history;
};
