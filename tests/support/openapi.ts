import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { faultsOf, type Schema } from './json-schema.ts';

/** What the committed docs/openapi.yaml says, to hold requests and answers against. */

interface Content {
  content?: { 'application/json': { schema: Schema } };
}

export interface Operation {
  method: string;
  path: string;
  operationId?: string;
  /** The right that a caller needs; absent when anybody may call. */
  'x-action'?: string;
  parameters?: { name: string; in: 'path' | 'query' }[];
  requestBody?: Content;
  /** By status. A refusal's description lists its codes. */
  responses: Record<string, Content & { description: string; headers?: Record<string, unknown> }>;
}

const document = parse(
  readFileSync(new URL('../../docs/openapi.yaml', import.meta.url), 'utf8'),
) as {
  paths: Record<string, Record<string, Omit<Operation, 'method' | 'path'>>>;
  components: { schemas: Record<string, Schema> };
};

export const SCHEMAS = document.components.schemas;

export const OPERATIONS: readonly Operation[] = Object.entries(document.paths).flatMap(
  ([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      ...operation,
      method: method.toUpperCase(),
      path,
    })),
);

/** The operation that a request is for: a fixed part of a path goes before a name. */
export function operationOf(method: string, path: string): Operation | undefined {
  const matching = OPERATIONS.filter(
    (operation) => operation.method === method && patternOf(operation.path).test(path),
  );
  return matching.toSorted((a, b) => nameCount(a) - nameCount(b))[0];
}

const patternOf = (template: string): RegExp =>
  new RegExp(`^${template.replaceAll(/{\w+}/g, '[^/]+')}$`);

const nameCount = ({ path }: Operation): number => path.split('{').length;

/** The codes with which an operation may refuse, with a status or at all. */
export const codesOf = ({ responses }: Operation, ofStatus?: number): string[] =>
  Object.entries(responses).flatMap(([status, { description }]) =>
    Number(status) >= 400 && (ofStatus ?? Number(status)) === Number(status)
      ? description.split(', ')
      : [],
  );

/** What is not as the document has it, in words; null when all is. */
export function faultOfAnswer(
  operation: Operation,
  { status, headers, body }: { status: number; headers: Record<string, unknown>; body: unknown },
): string | null {
  const response = operation.responses[status];
  if (!response) return `status ${status} is not documented`;
  for (const name of Object.keys(response.headers ?? {})) {
    if (headers[name.toLowerCase()] === undefined) return `the header ${name} is missing`;
  }
  const fault = faultOfBody(response, body);
  // An endpoint of a later release has no action, and says in words what is missing.
  const isLater = status === 501 && operation['x-action'] === undefined;
  if (fault !== null || status < 400 || isLater) return fault;
  const { error_code: code } = body as { error_code: string };
  return codesOf(operation, status).includes(code) ? null : `${code} is not documented`;
}

/** The same of a request's body. */
export const faultOfRequest = ({ requestBody = {} }: Operation, body: unknown): string | null =>
  faultOfBody(requestBody, body);

function faultOfBody({ content }: Content, body: unknown): string | null {
  if (!content) return body === undefined ? null : 'there is a body';
  const { schema } = content['application/json'];
  return faultsOf(body, schema, SCHEMAS).join('; ') || null;
}
