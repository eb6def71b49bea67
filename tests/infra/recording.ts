import { dynamoBlockIndex } from '../../lib/adapters/aws/dynamo-block-index.ts';
import { dynamoCatalog } from '../../lib/adapters/aws/dynamo-catalog/dynamo-catalog.ts';
import { memoryKeyProvider } from '../../lib/adapters/memory/memory-key-provider.ts';
import { memoryObjectStore } from '../../lib/adapters/memory/memory-object-store.ts';
import type { Collection, Job, Jobs } from '../../lib/ports/jobs.ts';
import type { KeyProvider } from '../../lib/ports/key-provider.ts';
import type { Notifier } from '../../lib/ports/notifier.ts';
import type { ObjectStore } from '../../lib/ports/object-store.ts';
import type { TestDynamo } from '../support/dynamo.ts';
import type { Wish } from './permissions.ts';

export type Note = (wish: Wish) => void;

/** Functions of Lambda, as a policy names them. */
export const lambdaArn = (name: string): string =>
  `arn:aws:lambda:eu-west-1:123456789012:function:holdfast-prod-${name}`;

interface ItemRequest {
  TableName?: string;
  IndexName?: string;
  Key?: Record<string, unknown>;
  Item?: Record<string, unknown>;
  ExpressionAttributeValues?: Record<string, unknown>;
}
type Parts = Partial<Record<'Get' | 'Put' | 'Update' | 'Delete' | 'ConditionCheck', ItemRequest>>;
type BatchWrite =
  | { PutRequest: { Item: Record<string, unknown> } }
  | { DeleteRequest: { Key: Record<string, unknown> } };
const partitionOf = (write: BatchWrite): unknown =>
  'PutRequest' in write ? write.PutRequest.Item['pk'] : write.DeleteRequest.Key['pk'];
interface Request extends ItemRequest {
  TransactItems?: Parts[];
  RequestItems?: Record<string, { Keys: Record<string, unknown>[] } | BatchWrite[]>;
}

/** Actions whose name is not that of the part of a transaction. */
const ACTION_OF_PART: Record<string, string> = {
  Get: 'GetItem',
  Put: 'PutItem',
  Update: 'UpdateItem',
  Delete: 'DeleteItem',
  ConditionCheck: 'ConditionCheckItem',
};

/** Notes what DynamoDB would ask IAM for each request of a client that goes through it. */
export const recordDynamo = ({ client, tables }: TestDynamo, noteOf: () => Note): void => {
  const arns: Record<string, string> = {
    [tables.catalog]: '<CatalogTable.Arn>',
    [tables.blocks]: '<BlocksTable.Arn>',
  };
  const note = (action: string, table: string, partition: unknown, index = '') =>
    noteOf()({
      action: `dynamodb:${action}`,
      resource: `${arns[table]}${index && `/index/${index}`}`,
      partition: String(partition),
    });
  const noteItem = (action: string, request: ItemRequest) => {
    const { TableName = '', IndexName, Key, Item, ExpressionAttributeValues } = request;
    const partition = (Key ?? Item)?.['pk'] ?? ExpressionAttributeValues?.[':pk'];
    note(action, TableName, partition, IndexName);
  };
  client.middlewareStack.add(
    (next, context) => (args) => {
      const command = String((context as { commandName?: string }).commandName);
      const input = args.input as Request;
      for (const parts of input.TransactItems ?? [])
        for (const [part, request] of Object.entries(parts))
          noteItem(ACTION_OF_PART[part] ?? part, request);
      for (const [table, items] of Object.entries(input.RequestItems ?? {}))
        if (Array.isArray(items))
          for (const item of items) note('BatchWriteItem', table, partitionOf(item));
        else for (const key of items.Keys) note('BatchGetItem', table, key['pk']);
      if (!input.TransactItems && !input.RequestItems) {
        const name = command.replace(/(Item)?Command$/, '');
        noteItem(name === 'Query' ? name : `${name}Item`, input);
      }
      return next(args);
    },
    { step: 'initialize', name: 'recordPermissions', priority: 'high' },
  );
};

/**
 * The ports that AWS serves, over one store each; what is done through them is noted. `objects` is
 * what is stored.
 */
export const recordedPorts = (dynamo: TestDynamo) => {
  const objects = memoryObjectStore();
  const keys = memoryKeyProvider();
  const portsOf = (
    note: Note,
    started: (job: Job) => void,
    collected: (collection: Collection) => void,
  ) => ({
    catalog: dynamoCatalog(dynamo.client, dynamo.tables.catalog),
    index: dynamoBlockIndex(dynamo.client, dynamo.tables.blocks),
    objects: recordedObjects(objects, note),
    keys: recordedKeys(keys, note),
    jobs: recordedJobs(note, started, collected),
    notifier: {
      send: async () => note({ action: 'lambda:InvokeFunction', resource: lambdaArn('notify') }),
    } satisfies Notifier,
  });
  return { objects: objects.objects, portsOf };
};

const recordedObjects = (store: ObjectStore, note: Note): ObjectStore => {
  const read = (key: string) => {
    note({ action: 's3:GetObject', resource: `<Bucket.Arn>/${key}` });
    // A missing object answers 404 only to those who may list.
    note({ action: 's3:ListBucket', resource: '<Bucket.Arn>' });
  };
  const reading =
    <A extends [string, ...unknown[]], R>(run: (...args: A) => R) =>
    (...args: A): R => {
      read(args[0]);
      return run(...args);
    };
  return {
    put: (key, bytes, sha256) => {
      note({ action: 's3:PutObject', resource: `<Bucket.Arn>/${key}` });
      read(key); // What is stored settles an answer that was lost.
      return store.put(key, bytes, sha256);
    },
    replace: (key, ...rest) => {
      note({ action: 's3:PutObject', resource: `<Bucket.Arn>/${key}` });
      read(key); // What is stored settles an answer that was lost.
      return store.replace(key, ...rest);
    },
    delete: (keys) => {
      const all = [...keys];
      for (const key of all) note({ action: 's3:DeleteObject', resource: `<Bucket.Arn>/${key}` });
      return store.delete(all);
    },
    get: reading((key) => store.get(key)),
    getRange: reading((key, from: number, to: number, etag?: string) =>
      store.getRange(key, from, to, etag),
    ),
    getTail: reading((key, count: number) => store.getTail(key, count)),
    head: reading((key) => store.head(key)),
    list: (prefix) => {
      note({ action: 's3:ListBucket', resource: '<Bucket.Arn>' });
      return store.list(prefix);
    },
  };
};

const recordedKeys = (keys: KeyProvider, note: Note): KeyProvider => ({
  name: keys.name,
  wrap: (plain, context) => {
    note({ action: 'kms:Encrypt', resource: '<MasterKey.Arn>' });
    return keys.wrap(plain, context);
  },
  unwrap: (wrapped, context) => {
    note({ action: 'kms:Decrypt', resource: '<MasterKey.Arn>' });
    return keys.unwrap(wrapped, context);
  },
});

const recordedJobs = (
  note: Note,
  started: (job: Job) => void,
  collected: (collection: Collection) => void,
): Jobs => ({
  start: async (job) => {
    note({ action: 'lambda:InvokeFunction', resource: lambdaArn(`${job.kind}:durable`) });
    started(job);
  },
  collect: async (collection) => {
    note({ action: 'lambda:InvokeFunction', resource: lambdaArn('collect-garbage:durable') });
    collected(collection);
  },
  audit: async () => {
    note({ action: 'lambda:InvokeFunction', resource: lambdaArn('audit-vault') });
  },
});
