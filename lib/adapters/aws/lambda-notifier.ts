import { InvokeCommand, type LambdaClient } from '@aws-sdk/client-lambda';
import { HoldfastError } from '../../errors.ts';
import type { Notifier } from '../../ports/notifier.ts';

/**
 * Hands notices to the function `notify`. Lambda keeps such a call and repeats it when it fails, so
 * whoever sends neither waits for a slow receiver nor fails with it.
 */
export const lambdaNotifier = (client: LambdaClient, functionName: string): Notifier => ({
  send: async (notice) => {
    try {
      await client.send(
        new InvokeCommand({
          FunctionName: functionName,
          InvocationType: 'Event',
          Payload: JSON.stringify(notice),
        }),
      );
    } catch (cause) {
      throw new HoldfastError('notifier.unavailable', { id: notice.id }, { cause });
    }
  },
});
