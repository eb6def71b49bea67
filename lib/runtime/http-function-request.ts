import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { HoldfastError } from '../errors.ts';
import type { HttpRequest } from '../model/request-signature.ts';

/** What a gateway sends; any part may be absent or nonsense. */
export type HttpEvent = Partial<APIGatewayProxyEventV2>;

/** Largest body, decoded: 256 resources with their names are some 100 KB. */
export const BODY_BYTES_MAX = 2 ** 20;
/** Deepest nesting of a body; no request of the API needs more than 6. */
export const BODY_DEPTH_MAX = 32;

export const methodOf = (event: HttpEvent): string =>
  event.requestContext?.http?.method?.toUpperCase() ?? '';

/** Without a query; never empty. */
export const pathOf = (event: HttpEvent): string => event.rawPath || '/';

/** The request as its caller may have signed it; gateways differ in the case of names. */
export const signedRequestOf = (event: HttpEvent): HttpRequest => ({
  method: methodOf(event),
  path: pathOf(event),
  query: event.rawQueryString ?? '',
  headers: Object.fromEntries(
    Object.entries(event.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
  ),
  body: bytesOf(event),
});

/** Query parameters: repeated ones with commas between their values, empty ones left out. */
export function queryOf(event: HttpEvent): Record<string, string> {
  const query: Record<string, string> = Object.create(null);
  for (const [name, value] of new URLSearchParams(event.rawQueryString ?? '')) {
    if (value === '') continue;
    query[name] = query[name] === undefined ? value : `${query[name]},${value}`;
  }
  return query;
}

/** The body's JSON object, `{}` when there is no body; `BackupService.9900` for anything else. */
export function bodyOf(event: HttpEvent): object {
  const text = bodyText(event);
  if (text.trim() === '') return {};
  if (depthOf(text) > BODY_DEPTH_MAX) throw invalid(`is nested deeper than ${BODY_DEPTH_MAX}`);
  const body = parseJson(text);
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw invalid('must be a JSON object');
  }
  return body;
}

const bytesOf = ({ body, isBase64Encoded }: HttpEvent): Buffer =>
  Buffer.from(body ?? '', isBase64Encoded ? 'base64' : 'utf8');

function bodyText(event: HttpEvent): string {
  const bytes = bytesOf(event);
  if (bytes.length > BODY_BYTES_MAX) throw invalid(`is larger than ${BODY_BYTES_MAX} bytes`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw invalid('must be UTF-8', cause);
  }
}

/** How deep the brackets go, found without recursion; those within texts do not count. */
function depthOf(json: string): number {
  let depth = 0;
  let deepest = 0;
  let isText = false;
  for (let at = 0; at < json.length; at++) {
    const character = json[at];
    if (character === '"') isText = !isText;
    else if (isText) at += character === '\\' ? 1 : 0;
    else if (character === '[' || character === '{') deepest = Math.max(deepest, ++depth);
    else if (character === ']' || character === '}') depth--;
  }
  return deepest;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw invalid('must be JSON', cause);
  }
}

const invalid = (reason: string, cause?: unknown): HoldfastError =>
  new HoldfastError('BackupService.9900', { field: 'body', reason }, { cause });
