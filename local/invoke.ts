import { lambdaPort } from './ports.ts';

/** The longest that a scheduled function may take. */
const TIMEOUT_MS = 900_000;

/** Runs a function of the running local mode once; its answer. Throws what it failed with. */
export const invoke = async (name: string, port = lambdaPort()): Promise<object> => {
  const path = `2015-03-31/functions/holdfast-local-${name}/invocations`;
  const response = await fetch(`http://127.0.0.1:${port}/${path}`, {
    method: 'POST',
    headers: { 'x-amz-invocation-type': 'RequestResponse' },
    body: '{}',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  const answer = (await response.json()) as { errorMessage?: string };
  if (answer.errorMessage !== undefined) throw new Error(`${name}: ${answer.errorMessage}`);
  return answer;
};
