import type { ProjectId } from './ids.ts';

/** CBR's roles (spec row BF5). */
export type Role = 'Full' | 'BackupsAndVaults' | 'ReadOnly';

/** A bearer token, known by its SHA-256 alone. */
export interface Credential {
  /** Lower-case hex. */
  tokenSha256: string;
  projectId: ProjectId;
  userId: string;
  role: Role;
  createdAtMs: number;
  /** Refused from then on; absent = until it is deleted. */
  expiresAtMs?: number;
}

/**
 * True when a role allows an action such as `cbr:vaults:create` (names: spec section 9.8).
 * ReadOnly may list and get; BackupsAndVaults everything but policies.
 */
export const roleAllows = (role: Role, action: string): boolean => {
  const [, noun = '', verb = ''] = action.split(':');
  if (role === 'Full') return true;
  if (role === 'BackupsAndVaults') return noun !== 'policies';
  return verb === 'list' || verb === 'get' || verb.startsWith('list') || verb.startsWith('get');
};
