/**
 * Every failure the service can name: code -> kind -> text. Imported by every ring, imports
 * nothing. `docs/errors.md` is generated from this table (spec Appendix B holds CBR's codes).
 *
 * - Codes `BackupService.NNNN` are CBR's own and reach API callers as `error_code`.
 * - Other codes are ours; `cbr` says which CBR code a caller sees for them.
 */

/** What the one who gets the error does about it. */
export type ErrorKind =
  | 'invalid' // the caller changes the request
  | 'denied' // the caller needs other rights
  | 'missing' // the caller names something that exists
  | 'conflict' // the caller waits or looks at the state first
  | 'throttled' // the caller retries later
  | 'unavailable' // the caller retries
  | 'unsupported' // the caller does without
  | 'cancelled' // somebody asked for it
  | 'corrupt' // nobody retries: a person looks at the data
  | 'bug'; // nobody retries: a person looks at the code

interface Entry<D> {
  kind: ErrorKind;
  text: (details: D) => string;
  /** HTTP status where it differs from the kind's default (spec Appendix B, column HTTP). */
  status?: number;
  /** The CBR code an API caller sees when this code is not one itself. */
  cbr?: string;
}

const entry = <D>(
  kind: ErrorKind,
  text: (details: D) => string,
  more: Omit<Entry<D>, 'kind' | 'text'> = {},
): Entry<D> => ({ kind, text, ...more });

type Id = { id: string };
type Reason = { reason: string };

export const CATALOGUE = {
  // --- CBR: backup and restore
  'BackupService.0001': entry('invalid', (_: object) => 'There is nothing to back up.', {
    status: 400,
  }),
  'BackupService.2001': entry(
    'invalid',
    (d: { targetBytes: number; backupBytes: number }) =>
      `The target disk (${d.targetBytes} bytes) is smaller than the backed-up disk (${d.backupBytes} bytes).`,
  ),
  'BackupService.2002': entry(
    'conflict',
    (d: Id) => `Disk ${d.id} is being backed up; restore to it afterwards.`,
    { status: 400 },
  ),
  'BackupService.2003': entry(
    'invalid',
    (d: Reason) => `The backup cannot be restored there: ${d.reason}`,
  ),
  'BackupService.2005': entry(
    'conflict',
    (d: { id: string; status: string }) => `Backup ${d.id} is ${d.status} and cannot be restored.`,
    { status: 400 },
  ),
  'BackupService.2010': entry('conflict', (d: Id) => `A restore to ${d.id} is already running.`, {
    status: 400,
  }),
  'BackupService.2011': entry(
    'conflict',
    (d: { id: string; status: string }) =>
      `Disk ${d.id} is ${d.status}; it must be available to be restored.`,
    { status: 400 },
  ),
  // --- CBR: policies
  'BackupService.6000': entry('missing', (d: Id) => `Policy ${d.id} does not exist.`),
  'BackupService.6001': entry(
    'conflict',
    (d: { max: number; type: string }) => `A project has at most ${d.max} ${d.type} policies.`,
    { status: 400 },
  ),
  'BackupService.6002': entry(
    'missing',
    (d: { id: string; vaultId: string }) => `Policy ${d.id} is not applied to vault ${d.vaultId}.`,
  ),
  'BackupService.6003': entry(
    'conflict',
    (d: Id) => `Policy ${d.id} is applied to a vault; its destination cannot be changed.`,
    { status: 400 },
  ),
  // --- CBR: vaults
  'BackupService.6100': entry(
    'invalid',
    (d: { max: number }) => `A vault takes at most ${d.max} resources.`,
  ),
  'BackupService.6101': entry('invalid', (d: Reason) => `Invalid vault capacity: ${d.reason}`),
  'BackupService.6102': entry(
    'invalid',
    (d: { type: string; accepted: string }) =>
      `Type ${d.type} is not accepted by the vault; this release accepts ${d.accepted}.`,
  ),
  'BackupService.6104': entry(
    'invalid',
    (d: Id) => `Resource ${d.id} appears twice in the request.`,
  ),
  'BackupService.6105': entry('missing', (d: Id) => `Vault ${d.id} does not exist.`),
  'BackupService.6108': entry(
    'invalid',
    (d: Reason) => `The vault cannot take new resources: ${d.reason}`,
  ),
  'BackupService.6110': entry(
    'conflict',
    (d: Reason) => `The vault cannot be updated: ${d.reason}`,
    { status: 400 },
  ),
  'BackupService.6111': entry(
    'conflict',
    (d: Reason) => `The vault cannot be deleted: ${d.reason}`,
    { status: 400 },
  ),
  'BackupService.6112': entry(
    'conflict',
    (d: { id: string; status: string }) => `Vault ${d.id} is ${d.status}; it must be available.`,
    { status: 400 },
  ),
  'BackupService.6113': entry(
    'conflict',
    (d: { id: string; status: string }) => `Vault ${d.id} is ${d.status} and cannot take backups.`,
    { status: 400 },
  ),
  'BackupService.6114': entry(
    'conflict',
    (d: { usedBytes: number; sizeBytes: number }) =>
      `The vault is full: ${d.usedBytes} of ${d.sizeBytes} bytes are used.`,
    { status: 400 },
  ),
  'BackupService.6116': entry(
    'invalid',
    (d: { protectType: string }) =>
      `Protect type ${d.protectType} is not supported; this release accepts backup.`,
  ),
  'BackupService.6120': entry(
    'missing',
    (d: { id: string; reason: string }) => `Destination vault ${d.id} is not there: ${d.reason}.`,
    { status: 400 },
  ),
  'BackupService.6125': entry(
    'conflict',
    (d: Id) => `A backup task is already running in vault ${d.id}.`,
    { status: 400 },
  ),
  'BackupService.6127': entry(
    'invalid',
    (d: { id: string; vaultId: string; reason: string }) =>
      `Policy ${d.id} cannot be applied to vault ${d.vaultId}: ${d.reason}`,
  ),
  'BackupService.6129': entry(
    'conflict',
    (d: { id: string; freeBytes: number; neededBytes: number }) =>
      `Destination vault ${d.id} has ${d.freeBytes} bytes free; ${d.neededBytes} must fit.`,
    { status: 400 },
  ),
  'BackupService.6135': entry(
    'invalid',
    (d: { id: string; vaultId: string }) => `Resource ${d.id} is not in vault ${d.vaultId}.`,
  ),
  // --- CBR: backups and restore points
  'BackupService.6200': entry('missing', (d: Id) => `Backup ${d.id} does not exist.`),
  'BackupService.6201': entry(
    'conflict',
    (d: { id: string; status: string }) => `Backup ${d.id} is ${d.status} and cannot be deleted.`,
    { status: 400 },
  ),
  'BackupService.6202': entry(
    'conflict',
    (d: { id: string; status: string }) =>
      `Vault ${d.id} is ${d.status}; it must be available for a restore.`,
    { status: 400 },
  ),
  'BackupService.6206': entry(
    'conflict',
    (d: { id: string; status: string }) => `Backup ${d.id} is ${d.status} and has no metadata yet.`,
    { status: 400 },
  ),
  'BackupService.6215': entry(
    'conflict',
    (d: { id: string; reason: string }) => `Resource ${d.id} is not backed up: ${d.reason}.`,
    { status: 400 },
  ),
  'BackupService.6216': entry(
    'conflict',
    (d: Id) => `Backup ${d.id} is in use and cannot be deleted.`,
    { status: 400 },
  ),
  'BackupService.6217': entry('missing', (d: Id) => `Restore point ${d.id} does not exist.`),
  'BackupService.6220': entry(
    'conflict',
    (d: Id) => `Backup ${d.id} was made automatically in a locked vault and cannot be deleted.`,
    { status: 400 },
  ),
  // --- CBR: tasks, tags, disks
  'BackupService.6500': entry('missing', (d: Id) => `Operation log ${d.id} does not exist.`),
  'BackupService.6600': entry(
    'invalid',
    (d: { max: number }) => `A vault takes at most ${d.max} tags.`,
  ),
  'BackupService.6601': entry(
    'missing',
    (d: { key: string }) => `The vault has no tag with the key ${d.key}.`,
  ),
  'BackupService.7000': entry('missing', (d: Id) => `Disk ${d.id} does not exist.`),
  'BackupService.7003': entry(
    'conflict',
    (d: { id: string; status: string }) => `Disk ${d.id} is ${d.status} and cannot be backed up.`,
    { status: 400 },
  ),
  'BackupService.7006': entry('conflict', (d: Id) => `Disk ${d.id} is already in a vault.`, {
    status: 400,
  }),
  'BackupService.7202': entry('missing', (d: Id) => `Snapshot ${d.id} is not available.`),
  // --- CBR: general
  'BackupService.9900': entry(
    'invalid',
    (d: { field: string; reason: string }) => `${d.field}: ${d.reason}`,
  ),
  'BackupService.9910': entry('bug', (_: object) => 'Unknown error.', { status: 500 }),
  // --- ours, seen by API callers
  'Holdfast.Unauthenticated': entry('denied', (d: Reason) => `Authentication failed: ${d.reason}`, {
    status: 401,
  }),
  'Holdfast.ActionDenied': entry(
    'denied',
    (d: { action: string }) => `The credential may not do ${d.action}.`,
    { status: 403 },
  ),
  'Holdfast.Throttled': entry(
    'throttled',
    (d: { max: number }) =>
      `The credential made more than ${d.max} requests in a second; wait one and try again.`,
  ),
  'Holdfast.NotFound': entry('missing', (d: { path: string }) => `There is nothing at ${d.path}.`),
  'Holdfast.NotImplemented': entry(
    'unsupported',
    (d: { feature: string }) => `${d.feature} is not implemented yet.`,
  ),
  'Holdfast.Unavailable': entry(
    'unavailable',
    (_: object) => 'The service cannot answer right now; try again.',
    { status: 503 },
  ),
  'Holdfast.Cancelled': entry('cancelled', (_: object) => 'The operation was cancelled.', {
    status: 409,
  }),
  'Holdfast.NotCancellable': entry(
    'conflict',
    (d: { id: string; status: string }) =>
      `Operation ${d.id} is ${d.status} and cannot be cancelled.`,
  ),
  'Holdfast.NotVerifiable': entry(
    'conflict',
    (d: { id: string; status: string }) => `Backup ${d.id} is ${d.status} and cannot be verified.`,
  ),
  'Holdfast.ListTooLong': entry(
    'unsupported',
    (d: { max: number }) => `Lists of more than ${d.max} items cannot be answered.`,
  ),
  // --- object store
  'store.object-exists': entry(
    'conflict',
    (d: { key: string }) => `Object ${d.key} is already written with other bytes.`,
  ),
  'store.object-missing': entry(
    'missing',
    (d: { key: string }) => `Object ${d.key} does not exist.`,
  ),
  'store.object-changed': entry(
    'conflict',
    (d: { key: string }) => `Object ${d.key} was replaced while it was read.`,
  ),
  'store.denied': entry(
    'denied',
    (d: { operation: string; key: string }) =>
      `The object store denies ${d.operation} of ${d.key}.`,
    { status: 500 },
  ),
  'store.unavailable': entry(
    'unavailable',
    (d: { operation: string; key: string }) =>
      `The object store failed ${d.operation} of ${d.key}.`,
  ),
  // --- catalog
  'catalog.unavailable': entry(
    'unavailable',
    (d: { operation: string }) => `The catalog failed ${d.operation}.`,
  ),
  'catalog.conflict': entry(
    'conflict',
    (d: { item: string; reason: string }) => `${d.item}: ${d.reason}`,
  ),
  'cycle.superseded': entry(
    'conflict',
    (d: { runId: string; vaultId: string }) =>
      `Run ${d.runId} of the collector is no longer the one of vault ${d.vaultId}.`,
  ),
  'catalog.malformed': entry(
    'corrupt',
    (d: { item: string; reason: string }) => `Item ${d.item} cannot be read: ${d.reason}`,
  ),
  'session.not-open': entry(
    'conflict',
    (d: { id: string; state: string }) => `Session ${d.id} is ${d.state}, no longer open.`,
  ),
  'vault.reconciling': entry(
    'conflict',
    (d: { vaultId: string }) =>
      `The catalog of vault ${d.vaultId} is being made to agree with its objects.`,
  ),
  // --- garbage collection
  'catalog.outdated': entry(
    'corrupt',
    (d: { vaultId: string; reason: string }) =>
      `The catalog of vault ${d.vaultId} is older than its objects: ${d.reason}. Nothing of it is ` +
      `collected until this has run: npm run holdfast -- reconcile ${d.vaultId}`,
  ),
  'collection.blocked': entry(
    'corrupt',
    (d: { vaultId: string; reason: string }) =>
      `Nothing of vault ${d.vaultId} is collected until somebody has looked: ${d.reason}`,
  ),
  'audit.finding': entry(
    'corrupt',
    (d: { vaultId: string; kind: string; id: string; text: string }) =>
      `Vault ${d.vaultId}: ${d.kind} ${d.id}: ${d.text}.`,
  ),
  'pack.live-again': entry(
    'corrupt',
    (d: { packId: string }) =>
      `Pack ${d.packId} was condemned and a backup names it that did not pin it.`,
  ),
  // --- stored format
  'format.malformed': entry(
    'corrupt',
    (d: { what: string; reason: string }) => `Malformed ${d.what}: ${d.reason}.`,
  ),
  'format.unsupported': entry(
    'unsupported',
    (d: { what: string; version: string }) =>
      `${d.what} has version or feature ${d.version}, which this release does not know.`,
  ),
  'format.wrong-key': entry(
    'denied',
    (d: { what: string; keyId: string }) => `${d.what} is not sealed with key ${d.keyId}.`,
  ),
  'pack.damaged': entry(
    'corrupt',
    (d: { packId: string; reason: string }) => `Pack ${d.packId} is damaged: ${d.reason}.`,
    { cbr: 'Holdfast.Damaged' },
  ),
  'backup.damaged': entry(
    'corrupt',
    (d: { backupId: string; reason: string }) => `Backup ${d.backupId} is damaged: ${d.reason}.`,
    { cbr: 'Holdfast.Damaged' },
  ),
  // --- keys
  'key.unavailable': entry(
    'unavailable',
    (d: { keyId: string }) => `The key service could not unwrap key ${d.keyId}.`,
  ),
  'key.missing': entry(
    'missing',
    (d: { what: string }) => `The key is missing: ${d.what}. Without it backups cannot be read.`,
  ),
  // --- credentials
  'credential.missing': entry('missing', (d: Id) => `Credential ${d.id} does not exist.`),
  // --- disks
  'disk.missing': entry('missing', (d: Id) => `Disk ${d.id} does not exist.`, {
    cbr: 'BackupService.7000',
  }),
  'disk.snapshot-missing': entry('missing', (d: Id) => `Snapshot ${d.id} does not exist.`, {
    cbr: 'BackupService.7202',
  }),
  'disk.exists': entry('conflict', (d: Id) => `Disk ${d.id} already exists.`),
  'disk.busy': entry(
    'conflict',
    (d: { id: string; reason: string }) => `Disk ${d.id} is busy: ${d.reason}.`,
  ),
  'disk.content-closed': entry(
    'conflict',
    (d: Id) => `The content of restore attempt ${d.id} is sealed or gone.`,
  ),
  'disk.invalid': entry('invalid', (d: { reason: string }) => `Invalid disk: ${d.reason}.`, {
    cbr: 'BackupService.9900',
  }),
  'disk.malformed': entry(
    'corrupt',
    (d: { id: string; reason: string }) => `Disk ${d.id} cannot be read: ${d.reason}.`,
  ),
  'disk.unavailable': entry(
    'unavailable',
    (d: { id: string; operation: string }) => `The disk service failed ${d.operation} of ${d.id}.`,
  ),
  // --- jobs
  'job.unavailable': entry(
    'unavailable',
    (d: { name: string }) => `Job ${d.name} could not be started.`,
  ),
  'job.stalled': entry(
    'unavailable',
    (d: { id: string; minutes: number }) =>
      `Task ${d.id} made no progress for ${d.minutes} minutes.`,
  ),
  'job.step-failed': entry(
    'unavailable',
    (d: { step: string; reason: string }) => `Step ${d.step} failed again and again: ${d.reason}`,
  ),
  'notifier.unavailable': entry('unavailable', (d: Id) => `Notice ${d.id} could not be delivered.`),
  // --- everything else
  'config.invalid': entry(
    'bug',
    (d: { name: string; reason: string }) => `Setting ${d.name}: ${d.reason}`,
  ),
  bug: entry('bug', (d: Reason) => `This cannot happen: ${d.reason}`),
} satisfies Record<string, Entry<never>>;

export type ErrorCode = keyof typeof CATALOGUE;
export type ErrorDetails<C extends ErrorCode> = Parameters<(typeof CATALOGUE)[C]['text']>[0];

const STATUS: Record<ErrorKind, number> = {
  invalid: 400,
  denied: 403,
  missing: 404,
  conflict: 409,
  throttled: 429,
  unavailable: 503,
  unsupported: 501,
  cancelled: 409,
  corrupt: 500,
  bug: 500,
};

/** A failure with a name. `kind` says what to do about it, `code` says what happened. */
export class HoldfastError<C extends ErrorCode = ErrorCode> extends Error {
  override readonly name = 'HoldfastError';
  readonly code: C;
  readonly kind: ErrorKind;
  readonly details: ErrorDetails<C>;

  constructor(code: C, details: ErrorDetails<C>, options?: ErrorOptions) {
    const { kind, text } = CATALOGUE[code] as Entry<ErrorDetails<C>>;
    super(text(details), options);
    this.code = code;
    this.kind = kind;
    this.details = details;
  }
}

/** True when `error` is ours and has one of the codes (any code when none is given). */
export const isError = <C extends ErrorCode>(
  error: unknown,
  ...codes: C[]
): error is HoldfastError<C> =>
  error instanceof Error &&
  error.name === 'HoldfastError' &&
  (codes.length === 0 || codes.includes((error as HoldfastError<C>).code));

/** True when the same call may succeed later without anybody changing anything. */
export const isRetryable = (error: unknown): boolean =>
  isError(error) && (error.kind === 'unavailable' || error.kind === 'throttled');

/** The HTTP status an API caller gets for a code. */
export const httpStatus = (code: ErrorCode): number => {
  const { status, kind } = CATALOGUE[code] as Entry<never>;
  return status ?? STATUS[kind];
};

/** The `error_code` an API caller sees: CBR's own codes and ours as they are, others mapped. */
export const callerCode = (code: ErrorCode): string => {
  if (code.startsWith('BackupService.') || code.startsWith('Holdfast.')) return code;
  const { cbr, kind } = CATALOGUE[code] as Entry<never>;
  return cbr ?? (kind === 'unavailable' ? 'Holdfast.Unavailable' : 'BackupService.9910');
};

/** What the one who gets an error of a kind does about it. */
export const ADVICE: Record<ErrorKind, string> = {
  invalid: 'change the request',
  denied: 'get other rights, or other credentials',
  missing: 'name something that exists',
  conflict: 'wait, or look at the state first',
  throttled: 'try again later',
  unavailable: 'try again',
  unsupported: 'do without',
  cancelled: 'nothing: somebody asked for it',
  corrupt: 'have a person look at the data; do not try again',
  bug: 'have a person look at the code; do not try again',
};

/** What to do about an error that a caller sees; of a code that we do not know, to ask a person. */
export const adviceOn = (code: string): string =>
  ADVICE[code in CATALOGUE ? CATALOGUE[code as ErrorCode].kind : 'bug'];
