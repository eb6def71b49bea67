import * as z from 'zod';
import { type ErrorCode, HoldfastError } from '../errors.ts';
import { isUuid } from '../model/ids.ts';

/** `{name}` parts of a path template, as an object type. */
type PathIds<P extends string> = P extends `${string}{${infer Name}}${infer Rest}`
  ? Record<Name, string> & PathIds<Rest>
  : unknown;

/** A request before it is checked: all values as they came. */
export interface RawRequest {
  path: Record<string, string>;
  query: Record<string, string>;
  body: unknown;
}

/**
 * What a route is, apart from what it does: enough to find it, to admit callers, to document it.
 */
export interface RouteFacts {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Path templates; the first is the canonical one. */
  paths: readonly string[];
  /** The operation's name in CBR's SDKs, or ours. */
  operationId: string;
  summary: string;
  tag: string;
  /** The right a caller needs (spec section 9.8); null = anybody, without a credential. */
  action: string | null;
  /** Without an action: a signature, if there is one, is checked and says who calls. */
  mayBeSigned?: true;
  query: z.ZodObject;
  /** Null when the request has no body. */
  body: z.ZodObject | null;
  status: number;
  /** Names of headers that this route's answer has and others have not. */
  headers?: readonly string[];
  /** Null when the answer has no body. */
  response: z.ZodType | null;
  /** Refusals beyond those that any route has. */
  errors: readonly ErrorCode[];
}

/** A route with its mappers: from a request to a command `C`, from a result `R` to an answer. */
export interface Route<C, R> extends RouteFacts {
  command: (raw: RawRequest) => C;
  answer: (result: R) => unknown;
  answerHeaders?: (result: R) => Record<string, string>;
}

interface RouteSpec<
  P extends string,
  Q extends z.ZodObject,
  B extends z.ZodObject,
  A extends z.ZodType,
  C,
  R,
> extends Omit<RouteFacts, 'paths'> {
  path: P;
  alias?: readonly string[];
  query: Q;
  body: B | null;
  response: A | null;
  command: (request: { path: PathIds<P>; query: z.output<Q>; body: z.output<B> }) => C;
  answer: (result: R) => z.input<A>;
  answerHeaders?: (result: R) => Record<string, string>;
}

/** A query, or a body, of which nothing is used. */
export const NOTHING = z.object({});

/**
 * Makes a route. Its `command` checks a request: ids in the path (a malformed one names nothing
 * that exists: the noun's 404), then the query, then the body (`BackupService.9900` with the
 * field).
 */
export function route<
  P extends string,
  Q extends z.ZodObject,
  B extends z.ZodObject,
  A extends z.ZodType,
  C,
  R,
>({ path, alias = [], command, ...spec }: RouteSpec<P, Q, B, A, C, R>): Route<C, R> {
  return {
    ...spec,
    paths: [path, ...alias],
    command: (raw) => {
      for (const [name, id] of Object.entries(raw.path)) checkPathId(name, id);
      const query = parse(spec.query, raw.query, 'query');
      const body = parse(spec.body ?? NOTHING, raw.body, 'body') as z.output<B>;
      return command({ path: raw.path as PathIds<P>, query, body });
    },
  };
}

/**
 * A disk's id is its provider's business; this keeps it from being a path or a control sequence.
 */
const isDiskId = (id: string): boolean => /^[A-Za-z0-9-]{1,64}$/.test(id);

const missing = (
  isWellFormed: (id: string) => boolean,
  code:
    | 'BackupService.6000'
    | 'BackupService.6105'
    | 'BackupService.6200'
    | 'BackupService.6217'
    | 'BackupService.6500'
    | 'BackupService.7000',
) => ({ isWellFormed, code });

/**
 * The ids that stand in paths: when they are well formed, and what is missing when they are not.
 */
const PATH_IDS = new Map([
  ['vault_id', missing(isUuid, 'BackupService.6105')],
  ['policy_id', missing(isUuid, 'BackupService.6000')],
  ['backup_id', missing(isUuid, 'BackupService.6200')],
  ['checkpoint_id', missing(isUuid, 'BackupService.6217')],
  ['operation_log_id', missing(isUuid, 'BackupService.6500')],
  ['instance_id', missing(isDiskId, 'BackupService.7000')],
  ['volume_id', missing(isDiskId, 'BackupService.7000')],
]);

function checkPathId(name: string, id: string): void {
  const rule = PATH_IDS.get(name);
  if (rule && !rule.isWellFormed(id)) throw new HoldfastError(rule.code, { id });
}

function parse<S extends z.ZodType>(schema: S, input: unknown, whole: string): z.output<S> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new HoldfastError('BackupService.9900', {
    field: issue?.path.join('.') || whole,
    reason: issue?.message ?? 'is not valid',
  });
}
