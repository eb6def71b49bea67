import {
  InvokeCommand,
  type InvokeCommandInput,
  type LambdaClient,
  type LambdaClientConfig,
} from '@aws-sdk/client-lambda';
import { HoldfastError } from '../../errors.ts';
import type { Jobs } from '../../ports/jobs.ts';

/** Every request ends: after 1 s without a connection, 10 s without an answer, and 4 attempts. */
export const lambdaClientOptions: LambdaClientConfig = {
  maxAttempts: 4,
  retryMode: 'standard',
  requestHandler: {
    connectionTimeout: 1000,
    requestTimeout: 10_000,
    throwOnRequestTimeout: true,
  },
};

/**
 * Durable executions on Lambda. The execution's name makes a repeated start the same start; it
 * answers `DurableExecutionAlreadyStarted` when only the payload differs, which never happens here.
 */
export const lambdaJobs = (
  client: LambdaClient,
  functionOf: (kind: string) => { name: string; qualifier: string },
): Jobs => {
  const send = async (name: string, input: Omit<InvokeCommandInput, 'InvocationType'>) => {
    try {
      await client.send(new InvokeCommand({ ...input, InvocationType: 'Event' }));
    } catch (cause) {
      throw new HoldfastError('job.unavailable', { name }, { cause });
    }
  };
  const invoke = async (kind: string, name: string, event: object): Promise<void> => {
    const { name: FunctionName, qualifier: Qualifier } = functionOf(kind);
    const Payload = JSON.stringify(event);
    await send(name, { FunctionName, Qualifier, DurableExecutionName: name, Payload });
  };
  return {
    start: ({ kind, name, projectId, operationLogId }) => {
      const attempt = Number(/-r(\d+)$/.exec(name)?.[1] ?? 0);
      return invoke(kind, name, { projectId, operationLogId, attempt });
    },
    collect: ({ name, ...vault }) => invoke('collect-garbage', name, vault),
    audit: (vault) => {
      const { name: FunctionName } = functionOf('audit-vault');
      return send(`audit-${vault.vaultId}`, { FunctionName, Payload: JSON.stringify(vault) });
    },
  };
};
