/** `Invoke` of plain and durable functions, synchronous (`RequestResponse`) and not (`Event`). */
import { invokeAsync } from './async-invocation.ts';
import type { DurableEngine } from './engine.ts';
import type { LocalFunction } from './function-host.ts';
import { parseFunctionName } from './function-name.ts';
import { invalid, LambdaError } from './lambda-error.ts';
import { type ApiAnswer, type ApiRequest, json, type Route } from './route.ts';

const SYNC_BYTES_MAX = 6 * 1024 * 1024;
const EVENT_BYTES_MAX = 1024 * 1024;
/** Lambda waits at most this long for a durable function that is invoked synchronously. */
const SYNC_EXECUTION_MAX_SECONDS = 900;

export const invokeRoute: Route = [
  'POST',
  '/2015-03-31/functions/{functionName}/invocations',
  async (engine, request) => {
    const { name, qualifier } = parseFunctionName(request.path['functionName'] ?? '');
    const local = engine.functions.get(name);
    if (!local) throw new LambdaError('ResourceNotFoundException', `Function not found: ${name}`);
    const type = request.headers['x-amz-invocation-type'] ?? 'RequestResponse';
    const payload = jsonText(request.body, type === 'Event' ? EVENT_BYTES_MAX : SYNC_BYTES_MAX);
    if (type === 'DryRun') return { status: 204 };
    if (type !== 'Event' && type !== 'RequestResponse')
      throw invalid(`Invalid invocation type: ${String(type)}`);
    const isEvent = type === 'Event';
    if (!local.durable) return invokePlain(engine, local, payload, isEvent);
    if (!qualifier && !request.query.get('Qualifier'))
      throw invalid('You cannot invoke a durable function using an unqualified ARN.');
    return invokeDurable(engine, local, payload, isEvent, request);
  },
];

async function invokePlain(
  engine: DurableEngine,
  local: LocalFunction,
  payload: string,
  isEvent: boolean,
): Promise<ApiAnswer> {
  if (isEvent) {
    void invokeAsync(engine, local, payload);
    return { status: 202 };
  }
  const answer = await engine.host.invoke(local.name, payload, local.timeoutSeconds);
  const headers = {
    'x-amz-executed-version': '$LATEST',
    ...(answer.functionError && { 'x-amz-function-error': answer.functionError }),
  };
  return { status: 200, headers, body: answer.payload || 'null' };
}

async function invokeDurable(
  engine: DurableEngine,
  local: LocalFunction,
  payload: string,
  isEvent: boolean,
  request: ApiRequest,
): Promise<ApiAnswer> {
  const timeoutSeconds = local.durable?.executionTimeoutSeconds ?? 0;
  if (!isEvent && timeoutSeconds > SYNC_EXECUTION_MAX_SECONDS)
    throw invalid(
      'You cannot synchronously invoke a durable function with an executionTimeout greater than 15 minutes.',
    );
  const name = request.headers['x-amz-durable-execution-name'];
  const { arn } = await engine.start(local.name, payload, {
    name: typeof name === 'string' ? name : undefined,
  });
  const headers = { 'x-amz-durable-execution-arn': arn, 'x-amz-executed-version': '$LATEST' };
  if (isEvent) return { status: 202, headers };
  const { status, Result, Error: error } = await engine.wait(arn);
  if (status === 'SUCCEEDED') return { status: 200, headers, body: Result ?? 'null' };
  return json(
    200,
    { errorType: error?.ErrorType ?? status, errorMessage: error?.ErrorMessage ?? status },
    { ...headers, 'x-amz-function-error': 'Unhandled' },
  );
}

function jsonText(body: Buffer, bytesMax: number): string {
  if (body.length > bytesMax)
    throw new LambdaError(
      'RequestTooLargeException',
      `${body.length} bytes exceeded the ${bytesMax} bytes limit for invocation payloads.`,
    );
  const text = body.toString() || '{}';
  try {
    JSON.parse(text);
  } catch (cause) {
    const message = 'Could not parse request body into json.';
    throw new LambdaError('InvalidRequestContentException', message, { cause });
  }
  return text;
}
