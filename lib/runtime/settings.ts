import * as z from 'zod';
import { HoldfastError } from '../errors.ts';

const seconds = (fallback: number) => z.coerce.number().min(1).max(86_400).default(fallback);

/** What a function may be told by its environment; `serverless.yml` sets all of it. */
const environment = z.object({
  HOLDFAST_BUCKET: z.string().min(3),
  HOLDFAST_CATALOG_TABLE: z.string().min(3),
  HOLDFAST_BLOCKS_TABLE: z.string().min(3),
  /** `<service>-<stage>`: what names of functions begin with. */
  HOLDFAST_FUNCTIONS: z.string().min(1),
  /** Qualifier of durable functions. */
  HOLDFAST_QUALIFIER: z.string().min(1).default('durable'),
  /** `local:<folder>` or `none`. */
  HOLDFAST_DISKS: z.string().regex(/^(local:.+|none)$/),
  /** `file:<path>` or `kms:<key id>`. */
  HOLDFAST_KEYS: z.string().regex(/^(file|kms):.+/),
  HOLDFAST_REGION: z.string().min(1),
  HOLDFAST_ZONE: z.string().min(1),
  HOLDFAST_LEASE_SECONDS: seconds(1800),
  /** Segments a worker is given at once; 8 GiB is about two minutes on Lambda. */
  HOLDFAST_RANGE_SEGMENTS: z.coerce.number().int().min(1).max(64).default(8),
  /** Workers of one task at the same time; 8 to 10 saturate one EBS snapshot's request rate. */
  HOLDFAST_WORKERS: z.coerce.number().int().min(1).max(64).default(8),
  /** How long a deleted backup can be taken back. */
  HOLDFAST_UNDELETE_DAYS: z.coerce.number().min(0).max(365).default(7),
  /** How long the usage ledger is kept; a forecast and a report of a month need 31 days. */
  HOLDFAST_LEDGER_DAYS: z.coerce.number().int().min(31).max(4000).default(400),
  /** How long a task is kept after it ended. */
  HOLDFAST_TASK_DAYS: z.coerce.number().min(1).max(3650).default(30),
  /** A worker stops before its deadline by this much. */
  HOLDFAST_MARGIN_SECONDS: seconds(90),
  /** `system`, or `file:<path>`: ahead of the machine's clock by what the file says. */
  HOLDFAST_CLOCK: z
    .string()
    .regex(/^(system|file:.+)$/)
    .default('system'),
  /** Requests of one credential in a second; a person and a few programs need some 20. */
  HOLDFAST_REQUESTS_PER_SECOND: z.coerce.number().int().min(1).max(100_000).default(50),
  /** Where notices are posted to: a URL, or `none`. */
  HOLDFAST_WEBHOOK: z
    .string()
    .regex(/^(none|https?:\/\/.+)$/)
    .default('none'),
  IS_OFFLINE: z.string().optional(),
});

export type Settings = z.infer<typeof environment>;

/**
 * Reads the environment once. Values that make sense on a laptop alone (disks and keys in files)
 * are refused on AWS: a deployed function must never write backups' keys into its own sandbox.
 */
export const readSettings = (env: Record<string, string | undefined>): Settings => {
  const parsed = environment.safeParse(env);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const name = issue?.path.join('.') ?? 'environment';
    throw new HoldfastError('config.invalid', { name, reason: issue?.message ?? 'is invalid' });
  }
  const settings = parsed.data;
  const local =
    settings.HOLDFAST_DISKS.startsWith('local:') || settings.HOLDFAST_KEYS.startsWith('file:');
  if (local && settings.IS_OFFLINE === undefined) {
    const reason = 'local disks and key files are for local mode alone';
    throw new HoldfastError('config.invalid', { name: 'HOLDFAST_DISKS, HOLDFAST_KEYS', reason });
  }
  if (settings.HOLDFAST_CLOCK !== 'system' && settings.IS_OFFLINE === undefined) {
    const reason = 'a clock that somebody moves is for local mode alone';
    throw new HoldfastError('config.invalid', { name: 'HOLDFAST_CLOCK', reason });
  }
  if (settings.HOLDFAST_WEBHOOK.startsWith('http:') && settings.IS_OFFLINE === undefined) {
    const reason = 'notices are posted over https alone';
    throw new HoldfastError('config.invalid', { name: 'HOLDFAST_WEBHOOK', reason });
  }
  return settings;
};
