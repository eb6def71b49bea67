import type { Role } from '../lib/model/credential.ts';
import { createCredential } from '../lib/service/create-credential.ts';
import { listCredentials, type ShownCredential } from '../lib/service/list-credentials.ts';
import { revokeCredential } from '../lib/service/revoke-credential.ts';
import { rotateCredential } from '../lib/service/rotate-credential.ts';
import { asOperator, projectOf, type StackOptions } from './operator.ts';

/** What the commands take from the command line. */
export interface CredentialOptions extends StackOptions {
  user?: string;
  role?: string;
  days?: string;
  'grace-hours'?: string;
  token?: boolean;
}

const ROLES: readonly Role[] = ['Full', 'BackupsAndVaults', 'ReadOnly'];
const HOUR_MS = 3_600_000;
/** So long an old credential works beside its successor, unless a command says otherwise. */
const GRACE_HOURS = 24;

export const createCredentialOf = (home: string, options: CredentialOptions): Promise<object> =>
  asOperator(home, options, async ({ ports, projectId }) => {
    const { token = false, role = 'Full', user = 'operator', days } = options;
    if (!ROLES.includes(role as Role)) throw new Error(`--role is one of ${ROLES.join(', ')}.`);
    return shown(
      await createCredential(
        {
          kind: token ? 'token' : 'access-key',
          projectId: projectOf(options, projectId),
          userId: user,
          role: role as Role,
          ...(days === undefined ? {} : { lifetimeMs: positive('days', days) * 24 * HOUR_MS }),
        },
        ports,
      ),
    );
  });

export const listCredentialsOf = (home: string, options: CredentialOptions): Promise<object> =>
  asOperator(home, options, async ({ ports, projectId }) => {
    const found = await listCredentials(projectOf(options, projectId), ports);
    return Object.fromEntries(found.map((credential) => [credential.id, shown(credential)]));
  });

export const rotateCredentialOf = (
  home: string,
  id: string,
  options: CredentialOptions,
): Promise<object> =>
  asOperator(home, options, async ({ ports }) => {
    const graceHours = Number(options['grace-hours'] ?? GRACE_HOURS);
    if (!(graceHours >= 0)) throw new Error('--grace-hours is a number of hours.');
    return shown(await rotateCredential({ id, graceMs: graceHours * HOUR_MS }, ports));
  });

export const revokeCredentialOf = (
  home: string,
  id: string,
  options: CredentialOptions,
): Promise<object> =>
  asOperator(home, options, async ({ ports }) => {
    await revokeCredential(id, ports);
    return { revoked: id };
  });

const positive = (name: string, text: string): number => {
  const value = Number(text);
  if (!(value > 0 && value <= 36_500)) throw new Error(`--${name} is a number above 0.`);
  return value;
};

/** Times as people read them. */
const shown = ({ createdAtMs, expiresAtMs, ...rest }: ShownCredential): object => ({
  ...rest,
  createdAt: new Date(createdAtMs).toISOString(),
  expiresAt: expiresAtMs === undefined ? 'never' : new Date(expiresAtMs).toISOString(),
});
