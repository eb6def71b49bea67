import type { ProjectId } from './ids.ts';

/** CBR's roles (spec row BF5). */
export type Role = 'Full' | 'BackupsAndVaults' | 'ReadOnly';

/** What whoever has a credential may do, and for how long. */
export interface Grant {
  projectId: ProjectId;
  userId: string;
  role: Role;
  createdAtMs: number;
  /** Refused from then on; absent = until it is deleted. */
  expiresAtMs?: number;
}

/** A bearer token, known by its SHA-256 alone. */
export interface Credential extends Grant {
  /** Lower-case hex. */
  tokenSha256: string;
}

/** What signs requests. Its secret is stored wrapped, since a signature is checked with it. */
export interface AccessKey extends Grant {
  /** Public: it stands in each signed request. */
  id: string;
  /** Name of the key provider that wrapped the secret, bound to the id. */
  provider: string;
  wrapped: Uint8Array;
}

/** A bearer token that was given for an access key; it may what the key may, while there is one. */
export interface IssuedToken {
  tokenSha256: string;
  accessKeyId: string;
  createdAtMs: number;
  expiresAtMs: number;
}

/** A token as it is given, once: what is stored is its hash. */
export interface GivenToken extends IssuedToken {
  token: string;
  grant: Pick<Grant, 'projectId' | 'userId' | 'role'>;
}

/** True when a grant (or a token) is over. */
export const hasExpired = ({ expiresAtMs }: Pick<Grant, 'expiresAtMs'>, nowMs: number): boolean =>
  expiresAtMs !== undefined && expiresAtMs <= nowMs;

/**
 * True when a role allows an action such as `cbr:vaults:create` (names: spec section 9.8).
 * ReadOnly may look at everything; BackupsAndVaults everything but change policies (BF5).
 */
export const roleAllows = (role: Role, action: string): boolean => {
  const [, noun, verb = ''] = action.split(':');
  const isReading = /^(list|get|query)([A-Z]|$)/.test(verb);
  if (role === 'Full' || isReading) return true;
  return role === 'BackupsAndVaults' && noun !== 'policies';
};
