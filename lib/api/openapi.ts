import {
  createDocument,
  type ZodOpenApiOperationObject,
  type ZodOpenApiPathsObject,
  type ZodOpenApiResponsesObject,
} from 'zod-openapi';
import { CATALOGUE, type ErrorCode, httpStatus } from '../errors.ts';
import { roleAllows } from '../model/credential.ts';
import { errorResponse } from './fields.ts';
import { LATER_ENDPOINTS } from './later-endpoints.ts';
import type { RouteFacts } from './route.ts';
import { ROUTES_BY_NOUN } from './routes.ts';

/** Refusals that any route with a credential has. */
const COMMON_ERRORS: readonly ErrorCode[] = [
  'BackupService.9900',
  'Holdfast.Unauthenticated',
  'Holdfast.Throttled',
  'BackupService.9910',
  'Holdfast.Unavailable',
];

/** What a caller is told whose role does not allow the action. */
const DENIED: readonly ErrorCode[] = ['Holdfast.ActionDenied'];
/** There is no role without the right to read. */
const isDenied = ({ action }: RouteFacts): boolean =>
  action !== null && !roleAllows('ReadOnly', action);

/** What a caller is told who names another project than the credential's. */
const OTHER_PROJECT: readonly ErrorCode[] = ['Holdfast.NotFound'];
const isOfAProject = ({ paths }: RouteFacts): boolean =>
  paths.some((path) => path.includes('{project_id}'));

/** Refusals that any list has. */
const LIST_ERRORS: readonly ErrorCode[] = ['Holdfast.ListTooLong'];

/** The API as an OpenAPI 3.1 document, made of the very schemas that requests are checked with. */
export function openApiDocument(version: string): object {
  return createDocument({
    openapi: '3.1.0',
    info: {
      title: 'Holdfast',
      version,
      description:
        'Cloud Backup and Recovery. The CBR v3 API for disks; what CBR does not have is marked ' +
        '"extension". Codes of refusals: errors.md.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    security: [{ token: [] }, { signature: [] }],
    paths: { ...paths(), ...laterPaths() },
    components: {
      securitySchemes: {
        token: { type: 'apiKey', in: 'header', name: 'X-Auth-Token' },
        signature: {
          type: 'apiKey',
          in: 'header',
          name: 'Authorization',
          description:
            'SDK-HMAC-SHA256 Access=<access key>, SignedHeaders=<names>, Signature=<hex>, with ' +
            'the time in X-Sdk-Date: as the SDKs of CBR sign. Good for 15 minutes; a request ' +
            'that is no GET is taken once. X-Project-Id, which the SDKs send too, must name the ' +
            "credential's project, with a token likewise.",
        },
      },
    },
  });
}

function paths(): ZodOpenApiPathsObject {
  const result: ZodOpenApiPathsObject = {};
  for (const route of Object.values(ROUTES_BY_NOUN).flat()) {
    for (const [nth, path] of route.paths.entries()) {
      const method = route.method.toLowerCase() as 'get' | 'post' | 'put' | 'delete';
      result[path] = { ...result[path], [method]: operation(route, path, nth) };
    }
  }
  return result;
}

/** An alias is an operation of its own, and needs an id of its own. */
function operation(route: RouteFacts, path: string, nth: number): ZodOpenApiOperationObject {
  const isQueried = Object.keys(route.query.shape).length > 0;
  return {
    operationId: nth === 0 ? route.operationId : `${route.operationId}${nth + 1}`,
    summary: route.summary,
    tags: [route.tag],
    ...securityOf(route),
    parameters: pathParameters(path),
    ...(isQueried ? { requestParams: { query: route.query } } : {}),
    ...(route.body ? { requestBody: { required: true, content: json(route.body) } } : {}),
    responses: responses(route),
  };
}

const securityOf = ({ action, mayBeSigned }: RouteFacts) => {
  if (action !== null) return { 'x-action': action };
  return { security: mayBeSigned ? [{ signature: [] }, {}] : [] };
};

const json = (schema: NonNullable<RouteFacts['response']>) => ({ 'application/json': { schema } });

const pathParameters = (path: string) =>
  [...path.matchAll(/{(\w+)}/g)].map(([, name = '']) => ({
    name,
    in: 'path' as const,
    required: true,
    schema: { type: 'string' as const },
  }));

function responses(route: RouteFacts): ZodOpenApiResponsesObject {
  const codes = [
    ...route.errors,
    ...('limit' in route.query.shape ? LIST_ERRORS : []),
    ...(route.action === null ? [] : COMMON_ERRORS),
    ...(isDenied(route) ? DENIED : []),
    ...(isOfAProject(route) ? OTHER_PROJECT : []),
  ];
  const byStatus = Map.groupBy(codes, (code) => String(httpStatus(code)));
  const refusals = [...byStatus].map(([status, ofStatus]) => [
    status,
    { description: [...new Set(ofStatus)].join(', '), content: json(errorResponse) },
  ]);
  return {
    [`${route.status}`]: {
      description: route.summary,
      ...(route.headers ? { headers: Object.fromEntries(route.headers.map(textHeader)) } : {}),
      ...(route.response ? { content: json(route.response) } : {}),
    },
    ...Object.fromEntries(refusals),
  } as ZodOpenApiResponsesObject;
}

const textHeader = (name: string) => [name, { schema: { type: 'string' as const } }] as const;

/** Endpoints of later releases: that they are known, and what they answer. */
function laterPaths(): ZodOpenApiPathsObject {
  const status = httpStatus('Holdfast.NotImplemented');
  const result: ZodOpenApiPathsObject = {};
  for (const { method, path, feature } of LATER_ENDPOINTS) {
    result[path] = {
      ...result[path],
      [method.toLowerCase()]: {
        summary: `${feature} (a later release)`,
        tags: ['Later'],
        security: [],
        parameters: pathParameters(path),
        responses: {
          [`${status}`]: {
            description: CATALOGUE['Holdfast.NotImplemented'].text({ feature }),
            content: json(errorResponse),
          },
        },
      },
    };
  }
  return result;
}
