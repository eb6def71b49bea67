import {
  ConditionalCheckFailedException,
  InternalServerError,
  ThrottlingException,
  TransactionCanceledException,
  TransactionConflictException,
  TransactionInProgressException,
} from '@aws-sdk/client-dynamodb';
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';

/** What happens to one request: it fails `before` it was sent, or `after` it was carried out. */
export interface Fault {
  when: 'before' | 'after';
  /** The failure; `command` is the name of the request's class. */
  error: (command: string) => Error;
}

export interface FaultyClient {
  client: DynamoDBDocumentClient;
  /** The requests made so far, by the name of their class. */
  requests: string[];
}

/** A client whose n-th request (from 0) suffers `faultOf(n)`, if any; others pass. */
export const faultyClient = (
  real: DynamoDBDocumentClient,
  faultOf: (n: number, command: string) => Fault | (() => Promise<unknown>) | undefined,
): FaultyClient => {
  const requests: string[] = [];
  const send = async (command: Parameters<DynamoDBDocumentClient['send']>[0]) => {
    const name = command.constructor.name;
    const fault = faultOf(requests.push(name) - 1, name);
    if (typeof fault === 'function') await fault();
    if (fault !== undefined && 'when' in fault) {
      if (fault.when === 'after') await real.send(command);
      throw fault.error(name);
    }
    return real.send(command);
  };
  const client = new Proxy(real, {
    get: (target, property) =>
      property === 'send' ? send : (Reflect.get(target, property) as unknown),
  });
  return { client, requests };
};

export const isWrite = (command: string): boolean =>
  /^(Put|Update|Delete|BatchWrite|TransactWrite)/.test(command);

const $metadata = {};
const message = 'injected';

export const timeout = (): Error =>
  Object.assign(new Error('no answer in time'), { name: 'TimeoutError' });

export const throttled = (): Error => new ThrottlingException({ $metadata, message });

export const internal = (): Error => new InternalServerError({ $metadata, message });

export const inProgress = (): Error => new TransactionInProgressException({ $metadata, message });

/** As DynamoDB says it of a transaction, and of a single write. */
export const contended = (command: string): Error =>
  command.startsWith('Transact')
    ? cancelled('TransactionConflict')
    : new TransactionConflictException({ $metadata, message });

export const conditionFailed = (command: string): Error =>
  command.startsWith('Transact')
    ? cancelled('ConditionalCheckFailed')
    : new ConditionalCheckFailedException({ $metadata, message });

const cancelled = (Code: string): Error =>
  new TransactionCanceledException({
    $metadata,
    message,
    CancellationReasons: [{ Code: 'None' }, { Code }],
  });
