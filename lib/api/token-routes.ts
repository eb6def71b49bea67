import * as z from 'zod';
import type { GivenToken } from '../model/credential.ts';
import { DOMAIN } from '../model/domain.ts';
import { NOTHING, route } from './route.ts';

/** The one method of the clouds' identity service that needs no password. */
const METHOD = 'hw_ak_sk' as const;

const keyField = (max: number) => z.object({ key: z.string().min(1).max(max) });

const tokenCreateRequest = z
  .object({
    auth: z.object({
      identity: z.object({
        methods: z.tuple([z.literal(METHOD)]),
        /** Absent when the request is signed with the key. */
        hw_ak_sk: z.object({ access: keyField(64), secret: keyField(256) }).optional(),
      }),
      scope: z
        .object({
          project: z.object({
            id: z.string().max(64).optional(),
            name: z.string().max(64).optional(),
          }),
        })
        .optional(),
    }),
  })
  .meta({ id: 'TokenCreateReq' });

const named = z.object({ id: z.string(), name: z.string() });
const inDomain = named.extend({ domain: named });

const tokenResponse = z
  .object({
    token: z.object({
      methods: z.array(z.literal(METHOD)),
      issued_at: z.string(),
      expires_at: z.string(),
      project: inDomain,
      user: inDomain,
      roles: z.array(named),
      catalog: z.array(z.never()),
    }),
  })
  .meta({ id: 'TokenResp' });

const create = route({
  method: 'POST',
  path: '/v3/auth/tokens',
  operationId: 'CreateToken',
  summary: 'Get a token of an hour for an access key (extension)',
  tag: 'Tokens',
  action: null,
  mayBeSigned: true,
  query: NOTHING,
  body: tokenCreateRequest,
  status: 201,
  headers: ['X-Subject-Token'],
  response: tokenResponse,
  errors: [
    'BackupService.9900',
    'Holdfast.Unauthenticated',
    'Holdfast.Throttled',
    'BackupService.9910',
    'Holdfast.Unavailable',
  ],
  command: ({ body: { auth } }) => {
    const { hw_ak_sk: pair } = auth.identity;
    return {
      key: pair ? { accessKeyId: pair.access.key, secret: pair.secret.key } : null,
      scope: auth.scope?.project ?? {},
    };
  },
  answer: ({ createdAtMs, expiresAtMs, grant: { projectId, userId, role } }: GivenToken) => ({
    token: {
      methods: [METHOD],
      issued_at: keystoneTime(createdAtMs),
      expires_at: keystoneTime(expiresAtMs),
      project: { id: projectId, name: projectId, domain: DOMAIN },
      user: { id: userId, name: userId, domain: DOMAIN },
      roles: [{ id: role, name: role }],
      catalog: [],
    },
  }),
  answerHeaders: ({ token }) => ({ 'x-subject-token': token }),
});

/** Keystone writes microseconds and `Z`, other than the rest of this API. */
const keystoneTime = (ms: number): string => new Date(ms).toISOString().replace('Z', '000Z');

export const TOKEN_ROUTES = { create };
