import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { localDisks } from '../lib/adapters/local/local-disks.ts';
import { ApiClient } from './api-client.ts';
import { type CostOptions, reportCostsOf } from './cost-command.ts';
import type { CredentialOptions } from './credential-commands.ts';
import { disksFolder, homeFolder, readIdentity } from './home.ts';
import { apiPort } from './ports.ts';
import { progressBar } from './progress-bar.ts';

const USAGE = `npm run holdfast -- <command> [--json]

Disks (local mode's own; a raw image in, a raw image out)
  disk import <file|device|-> [--name N] [--tag K=V]...
                                           import a raw image ('-' = standard input)
  disk export <disk> <file>                write a disk to a raw file
  disk list                                all disks
  disk delete <disk>                       delete a disk; its backups stay

Vaults and backups (through the API: start it first with npm start)
  vault create [--name N] [--size GB]      make a vault (default: 100 GB)
  vault list
  backup <vault> <disk> [--name N]         back a disk up and wait
  backups [<vault>]                        list backups
  verify <backup> [--percent P]            read a backup back and check every block
  restore <backup> [--name N]              restore to a new disk and wait
  restore <backup> --to <disk>             restore onto the disk it was made of
  task <task>                              show a task
  cancel <task>                            stop a task
  collect <vault> [--dry-run]              free what is garbage now, or say what would be freed
  reconcile <vault>|--all [--dry-run]      make the catalog agree with S3, after DynamoDB was lost
                                           or restored to an earlier time
  ... --stage S --region R --bucket B      of the stack holdfast-S, with your AWS credentials
  cost [--from D] [--to D] [--by vault|tag:KEY]
                                           what the vaults have used and cost, and a forecast
  audit [<vault>]                          compare what is known with what is stored, of one vault
                                           or all; ends with 1 when something is wrong

Time (of local mode alone, to try policies and retention out; it cannot be turned back)
  clock                                    what time it is
  clock forward <N>m|h|d                   let minutes, hours or days pass: what runs by schedule
                                           runs (policies, retention, collections, audits)

Credentials (local mode must run; with --stage, those of a deployed stack, by your AWS credentials)
  credential create [--token] [--role Full|BackupsAndVaults|ReadOnly] [--user U] [--days N]
                                           an access key, or a token; its secret is shown once
  credential list                          all of a project, without their secrets
  credential rotate <id> [--grace-hours N] a new one; the old one ends after N hours (default 24)
  credential revoke <id>                   end one, and the tokens that were given for it, now
  ... --stage S [--region R] --project P   of the stack holdfast-S; create and list name a project

A vault's operator (as above: local mode must run, or --stage S [--region R] --project P)
  vault freeze <vault>                     keep its data, refuse operations on it
  vault unfreeze <vault>                   allow them again`;

interface Context {
  args: string[];
  options: CredentialOptions &
    CostOptions & {
      name?: string;
      size?: string;
      tag?: string[];
      percent?: string;
      to?: string;
      json?: boolean;
      'dry-run'?: boolean;
      all?: boolean;
      bucket?: string;
    };
  home: string;
  quiet: boolean;
}

type Command = (context: Context) => Promise<object>;

/** How many a command must have, and may have beyond that. */
interface Operands {
  operands: number;
  optional?: number;
}

/**
 * Commands by their words; each answers facts that are printed as text or JSON. A number other
 * than 0 in the fact `failsBy` is a failure.
 */
const COMMANDS: Record<string, Operands & { run: Command; failsBy?: string }> = {
  'disk import': { operands: 1, run: (context) => importDisk(context) },
  'disk export': { operands: 2, run: (context) => exportDisk(context) },
  'disk list': { operands: 0, run: (context) => listDisks(context) },
  'disk delete': { operands: 1, run: (context) => deleteDisk(context) },
  'vault create': { operands: 0, run: (context) => createVault(context) },
  'vault list': { operands: 0, run: async () => (await api()).call('GET', 'vaults') },
  'vault freeze': { operands: 1, run: (context) => freeze(context, true) },
  'vault unfreeze': { operands: 1, run: (context) => freeze(context, false) },
  backup: { operands: 2, run: (context) => backUp(context) },
  backups: { operands: 0, optional: 1, run: (context) => listBackups(context) },
  verify: { operands: 1, run: (context) => verify(context) },
  restore: { operands: 1, run: (context) => restore(context) },
  task: { operands: 1, run: async ({ args: [id = ''] }) => (await api()).task(id) },
  cancel: {
    operands: 1,
    run: async ({ args: [id = ''] }) => (await api()).call('POST', `operation-logs/${id}/cancel`),
  },
  collect: { operands: 1, run: (context) => collect(context) },
  audit: { operands: 0, optional: 1, run: (context) => audit(context), failsBy: 'found' },
  reconcile: {
    operands: 0,
    optional: 1,
    run: async ({ args: [vaultId], home, options }) =>
      (await import('./reconcile-command.ts')).reconcileNow(home, vaultId, options),
    failsBy: 'failed',
  },
  clock: { operands: 0, run: async ({ home }) => (await clock()).showClock(home) },
  'clock forward': {
    operands: 1,
    run: async ({ args: [duration = ''], home }) =>
      (await clock()).forwardClock(home, duration, await api()),
  },
  cost: {
    operands: 0,
    run: async ({ options, quiet }) => reportCostsOf(await api(), options, quiet),
  },
  'credential create': {
    operands: 0,
    run: async ({ home, options }) => (await credentials()).createCredentialOf(home, options),
  },
  'credential list': {
    operands: 0,
    run: async ({ home, options }) => (await credentials()).listCredentialsOf(home, options),
  },
  'credential rotate': {
    operands: 1,
    run: async ({ args: [id = ''], home, options }) =>
      (await credentials()).rotateCredentialOf(home, id, options),
  },
  'credential revoke': {
    operands: 1,
    run: async ({ args: [id = ''], home, options }) =>
      (await credentials()).revokeCredentialOf(home, id, options),
  },
};

/** The SDK is loaded when it is needed: other commands are quicker without. */
const credentials = () => import('./credential-commands.ts');

const clock = () => import('./clock-command.ts');

const main = async (): Promise<number> => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      name: { type: 'string' },
      size: { type: 'string' },
      tag: { type: 'string', multiple: true },
      percent: { type: 'string' },
      to: { type: 'string' },
      from: { type: 'string' },
      by: { type: 'string' },
      stage: { type: 'string' },
      region: { type: 'string' },
      project: { type: 'string' },
      user: { type: 'string' },
      role: { type: 'string' },
      days: { type: 'string' },
      'grace-hours': { type: 'string' },
      token: { type: 'boolean' },
      json: { type: 'boolean' },
      'dry-run': { type: 'boolean' },
      all: { type: 'boolean' },
      bucket: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  const two = positionals.slice(0, 2).join(' ');
  const words = two in COMMANDS ? two : (positionals[0] ?? '');
  const command = COMMANDS[words];
  const args = positionals.slice(words.split(' ').length);
  if (values.help || command === undefined || !takes(command, args)) {
    (values.help ? console.log : console.error)(USAGE);
    return values.help ? 0 : 2;
  }
  const quiet = values.json ?? false;
  const answer = await command.run({ args, options: values, home: homeFolder(), quiet });
  if (quiet) console.log(JSON.stringify(answer));
  else
    for (const [key, value] of Object.entries(answer))
      console.log(`${key.padEnd(16)} ${show(value)}`);
  const { failsBy } = command;
  return failsBy !== undefined && (answer as Record<string, unknown>)[failsBy] !== 0 ? 1 : 0;
};

const takes = ({ operands, optional = 0 }: Operands, { length }: string[]): boolean =>
  length >= operands && length <= operands + optional;

const show = (value: unknown): string =>
  typeof value === 'string' ? value : JSON.stringify(value);

const api = async (): Promise<ApiClient> => {
  const { projectId, token } = await readIdentity(homeFolder());
  return new ApiClient(`http://127.0.0.1:${apiPort()}`, projectId, token);
};

const importDisk = async ({
  args: [file = ''],
  options,
  home,
  quiet,
}: Context): Promise<object> => {
  const id = randomUUID();
  const bar = progressBar('import', quiet);
  // A device and standard input do not say how long they are: no bar for them.
  const totalBytes = file === '-' ? 0 : (await stat(file)).size;
  const disk = await localDisks({ root: disksFolder(home) }).importDisk({
    id,
    name: options.name ?? id,
    tags: (options.tag ?? []).map(toTag),
    source: file === '-' ? process.stdin : file,
    onProgress: (doneBytes) => {
      if (totalBytes > 0) bar(Math.floor((100 * doneBytes) / totalBytes));
    },
  });
  return { disk: disk.id, name: disk.name, sizeBytes: disk.sizeBytes };
};

/** `env=prod`; a tag without a value is fine. */
const toTag = (text: string): { key: string; value: string } => {
  const [key = '', ...value] = text.split('=');
  if (key === '') throw new Error('--tag is <key>=<value>.');
  return { key, value: value.join('=') };
};

const exportDisk = async ({ args: [id = '', file = ''], home }: Context): Promise<object> => {
  await localDisks({ root: disksFolder(home) }).exportDisk(id, file);
  return { disk: id, file };
};

const listDisks = async ({ home }: Context): Promise<object> =>
  Object.fromEntries(
    (await Array.fromAsync(localDisks({ root: disksFolder(home) }).list())).map((disk) => [
      disk.id,
      disk,
    ]),
  );

const deleteDisk = async ({ args: [id = ''], home }: Context): Promise<object> => {
  await localDisks({ root: disksFolder(home) }).deleteDisk(id);
  return { deleted: id };
};

const createVault = async ({ options }: Context): Promise<object> => {
  const name = options.name ?? `vault-${randomUUID().slice(0, 4)}`;
  return { vault: await (await api()).createVault(name, Number(options.size ?? 100)), name };
};

const freeze = async (
  { args: [id = ''], home, options }: Context,
  frozen: boolean,
): Promise<object> =>
  (await import('./vault-commands.ts')).freezeVaultOf(home, id, frozen, options);

const listBackups = async ({ args: [vaultId] }: Context): Promise<object> =>
  (await api()).call(
    'GET',
    vaultId === undefined ? 'backups' : `backups?vault_id=${encodeURIComponent(vaultId)}`,
  );

const backUp = async ({
  args: [vaultId = '', diskId = ''],
  options,
  quiet,
}: Context): Promise<object> => {
  const client = await api();
  const { vault } = await client.call<{ vault: { resources: { id: string }[] } }>(
    'GET',
    `vaults/${vaultId}`,
  );
  if (!vault.resources.some(({ id }) => id === diskId)) await client.addDisk(vaultId, diskId);
  const { backupId, taskId } = await client.startBackup(vaultId, diskId, options.name);
  const task = await client.waitFor(taskId, progressBar('backup', quiet));
  return { backup: backupId, task: taskId, ...task.outcome };
};

const verify = async ({ args: [backupId = ''], options, quiet }: Context): Promise<object> => {
  const client = await api();
  const taskId = await client.startVerify(backupId, Number(options.percent ?? 100));
  const task = await client.waitFor(taskId, progressBar('verify', quiet));
  return { backup: backupId, task: taskId, ...task.outcome };
};

const collect = async ({ args: [vaultId = ''], options, home }: Context): Promise<object> => {
  const { collectNow } = await import('./collect-command.ts');
  const undeleteDays = Number(process.env['HOLDFAST_UNDELETE_DAYS'] ?? 7);
  if (!(undeleteDays >= 0)) throw new Error('HOLDFAST_UNDELETE_DAYS is a number of days.');
  return collectNow(home, vaultId, { dryRun: options['dry-run'] ?? false, undeleteDays });
};

const audit = async ({ args: [vaultId], home }: Context): Promise<object> => {
  const { auditNow } = await import('./audit-command.ts');
  return auditNow(home, vaultId);
};

const restore = async ({ args: [backupId = ''], options, quiet }: Context): Promise<object> => {
  const client = await api();
  const bar = progressBar('restore', quiet);
  if (options.to !== undefined) {
    const taskId = await client.startRestore(backupId, options.to);
    await client.waitFor(taskId, bar);
    return { disk: options.to, task: taskId };
  }
  const { diskId, taskId } = await client.startNewDisk(backupId, options.name);
  await client.waitFor(taskId, bar);
  return { disk: diskId, task: taskId };
};

const inWords = ({ message, cause }: Error): string => {
  if ((cause as { code?: string } | undefined)?.code === 'ECONNREFUSED')
    return 'Nothing answers there. Start it first: npm start';
  return message === 'fetch failed'
    ? 'The connection broke. What was begun goes on once local mode runs again.'
    : message;
};

try {
  process.exitCode = await main();
} catch (error) {
  console.error(inWords(error as Error));
  process.exitCode = 1;
}
