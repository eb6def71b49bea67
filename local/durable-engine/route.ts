import type { IncomingHttpHeaders } from 'node:http';
import type { DurableEngine } from './engine.ts';

export interface ApiRequest {
  /** The decoded values of the placeholders in the route's path. */
  path: Record<string, string>;
  query: URLSearchParams;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export interface ApiAnswer {
  status: number;
  headers?: Record<string, string>;
  body?: string;
}

export type Route = [
  method: string,
  path: string,
  serve: (engine: DurableEngine, request: ApiRequest) => Promise<ApiAnswer> | ApiAnswer,
];

/** An answer with a JSON body. */
export const json = (
  status: number,
  value: object,
  headers: Record<string, string> = {},
): ApiAnswer => ({ status, headers, body: JSON.stringify(value) });
