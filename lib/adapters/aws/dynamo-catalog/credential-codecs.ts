import type { AccessKey, Credential, Grant, IssuedToken } from '../../../model/credential.ts';
import { bytes, codec, integer, oneOf, optional, type Shape, text } from './codec.ts';
import { keys, listed } from './keys.ts';

const grant: Shape<Grant> = {
  projectId: text,
  userId: text,
  role: oneOf('Full', 'BackupsAndVaults', 'ReadOnly'),
  createdAtMs: integer,
  expiresAtMs: optional(integer),
};

export const credentialCodec = codec<Credential>({ ...grant, tokenSha256: text }, (credential) => ({
  ...keys.credential(credential.tokenSha256),
  ...listed('CREDENTIAL', { ...credential, id: credential.tokenSha256 }),
}));

export const accessKeyCodec = codec<AccessKey>(
  { ...grant, id: text, provider: text, wrapped: bytes },
  (key) => ({ ...keys.accessKey(key.id), ...listed('ACCESS_KEY', key) }),
);

export const issuedTokenCodec = codec<IssuedToken>(
  { tokenSha256: text, accessKeyId: text, createdAtMs: integer, expiresAtMs: integer },
  (token) => keys.issuedToken(token.tokenSha256),
);

/** A signature that was seen, and by which request. */
export const signatureCodec = codec<{ accessKeyId: string; signature: string; requestId: string }>(
  { accessKeyId: text, signature: text, requestId: text },
  ({ accessKeyId, signature }) => keys.signature(accessKeyId, signature),
);
