import { beforeAll, describe, expect, it } from '@jest/globals';
import { functionsOf, ofType, packaged, resolved, type Template } from './packaged.ts';
import { isAllowed, rightsOf, type Statement } from './permissions.ts';

let template: Template;
let functions: Record<string, Record<string, unknown>>;
let rights: Record<string, Statement[]>;
beforeAll(async () => {
  ({ template } = await packaged());
  functions = functionsOf(template);
  rights = rightsOf(template, functions);
}, 200_000);

const every = (): [string, Statement][] =>
  Object.entries(rights).flatMap(([key, statements]) =>
    statements.map((one): [string, Statement] => [key, one]),
  );
const allowed = () => every().filter(([, { Effect }]) => Effect === 'Allow');
/** Functions that may do something of a service, and what: `['api-vaults', 'kms:Encrypt']`. */
const holdersOf = (prefix: string, statements = allowed()): string[] => [
  ...new Set(
    statements.flatMap(([key, { Action }]) =>
      Action.filter((action) => action.startsWith(prefix)).map((action) => `${key} ${action}`),
    ),
  ),
];
/** What a function may reach with an action. */
const reachOf = (key: string, action: string): string[] =>
  (rights[key] ?? [])
    .filter(({ Effect, Action }) => Effect === 'Allow' && Action.includes(action))
    .flatMap(({ Resource }) => Resource);

/** Functions of the API, but for those whose routes are open to anybody. */
const knowsCallers = (key: string): boolean =>
  key.startsWith('api-') && !['api-versions', 'api-not-found'].includes(key);

const inAccount = (service: string, rest: string) =>
  `arn:aws:${service}:eu-west-1:123456789012:${rest}`;
const lambda = (name: string) => inAccount('lambda', `function:holdfast-prod-${name}`);
const objects = (...patterns: string[]) =>
  patterns.map((pattern) => `<Bucket.Arn>/v1/*/*/${pattern}`);

describe('roles', () => {
  it('belong to one function each, and to Lambda', () => {
    const used = Object.values(functions).map(({ Role }) => resolved(Role));
    const roles = ofType(template, 'AWS::IAM::Role');
    expect(used.toSorted()).toEqual(
      Object.keys(roles)
        .map((id) => `<${id}.Arn>`)
        .toSorted(),
    );
    for (const { Properties } of Object.values(roles))
      expect(Properties['AssumeRolePolicyDocument']).toMatchObject({
        Statement: [{ Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' }],
      });
    expect(Object.keys(ofType(template, 'AWS::IAM::ManagedPolicy'))).toEqual([]);
    expect(Object.keys(ofType(template, 'AWS::IAM::Policy'))).toEqual([]);
  });

  it('name every action in full', () => {
    for (const [, { Action }] of every())
      for (const action of Action) expect(action).toMatch(/^[a-z0-9]+:[A-Za-z]+$/);
  });

  it('reach one thing, or what begins like it, and never everything', () => {
    const known = [
      /^<(CatalogTable|BlocksTable|MasterKey|Bucket)\.Arn>$/,
      /^<CatalogTable\.Arn>\/index\/by(Project|Status|Disk|Vault)$/,
      /^arn:aws:events:eu-west-1:123456789012:event-bus\/default$/,
      /^<Bucket\.Arn>\/v1\/\*\/\*\/[a-z][a-z./*]+$/,
      /^arn:aws:logs:eu-west-1:123456789012:log-group:\/aws\/lambda\/holdfast-prod-[a-z-]+:\*$/,
      /^arn:aws:lambda:eu-west-1:123456789012:function:holdfast-prod-[a-z-]+(:durable|:\*(\/durable-execution\/\*\/\*)?)?$/,
    ];
    for (const [key, { Resource }] of every())
      for (const resource of Resource)
        expect([key, resource, known.some((pattern) => pattern.test(resource))]).toEqual([
          key,
          resource,
          true,
        ]);
  });

  it('let every function write its own log, and no other', () => {
    for (const key of Object.keys(functions)) {
      const group = inAccount('logs', `log-group:/aws/lambda/holdfast-prod-${key}:*`);
      expect(reachOf(key, 'logs:PutLogEvents')).toEqual([group]);
      expect(reachOf(key, 'logs:CreateLogStream')).toEqual([group]);
    }
  });
});

describe('objects', () => {
  it('are deleted by the collector alone, and the bucket is changed by nobody', () => {
    expect(holdersOf('s3:DeleteObject')).toEqual(['collect-vault s3:DeleteObject']);
    const actions = new Set(allowed().flatMap(([, { Action }]) => Action));
    expect([...actions].filter((action) => action.startsWith('s3:')).toSorted()).toEqual([
      's3:DeleteObject',
      's3:GetObject',
      's3:ListBucket',
      's3:PutObject',
    ]);
  });

  it.each([
    ['api-vaults', ['keys/*', 'vault.json']],
    ['backup', ['backups/*/manifest', 'backups/*/committed']],
    ['move', ['backups/*/manifest', 'backups/*/committed']],
    ['copy-blocks', ['packs/*', 'backups/*/segments/*']],
    ['collect-vault', ['packs/*']],
  ])('are written by %s where its work is', (key, patterns) => {
    expect(reachOf(key, 's3:PutObject')).toEqual(objects(...patterns));
  });

  it('are written by nobody else', () => {
    expect(holdersOf('s3:PutObject')).toEqual([
      'backup s3:PutObject',
      'move s3:PutObject',
      'copy-blocks s3:PutObject',
      'collect-vault s3:PutObject',
      'api-vaults s3:PutObject',
    ]);
  });

  it.each([
    ['restore', ['backups/*', 'keys/*', 'vault.json']],
    ['verify', ['backups/*', 'packs/*']],
    ['copy-blocks', ['packs/*', 'backups/*/segments/*', 'backups/*/manifest']],
    ['restore-blocks', ['packs/*', 'backups/*']],
    ['verify-blocks', ['packs/*', 'backups/*', 'keys/*', 'vault.json']],
    ['collect-vault', ['backups/*', 'packs/*']],
    ['audit-vault', ['backups/*', 'packs/*']],
  ])('are read by %s where its work is', (key, patterns) => {
    expect(reachOf(key, 's3:GetObject')).toEqual(objects(...patterns));
  });

  it('are out of the reach of every function that needs none', () => {
    const none = Object.keys(functions).filter(
      (key) => !allowed().some(([own, { Action }]) => own === key && /s3:/.test(String(Action))),
    );
    expect(none).toEqual([
      'collect-garbage',
      'start-collections',
      'start-audits',
      'watch-jobs',
      'retention-sweep',
      'run-policies',
      'meter-usage',
      'notify',
      'api-protectables',
      'api-features',
      'api-checkpoints',
      'api-backups',
      'api-operation-logs',
      'api-policies',
      'api-disks',
      'api-tokens',
      'api-versions',
      'api-not-found',
    ]);
  });

  it('that are missing can be told from ones that are denied, by whoever reads', () => {
    for (const [key, { Action }] of allowed())
      if (Action.includes('s3:GetObject'))
        expect(reachOf(key, 's3:ListBucket')).toEqual(['<Bucket.Arn>']);
  });
});

describe('vault keys', () => {
  it('are wrapped where vaults are made, and opened where blocks are handled', () => {
    const forVaults = allowed().filter(([, { Sid }]) => Sid !== 'OpenSecrets');
    expect(holdersOf('kms:', forVaults).toSorted()).toEqual(
      [
        'api-vaults kms:Decrypt',
        'api-vaults kms:Encrypt',
        'audit-vault kms:Decrypt',
        'backup kms:Decrypt',
        'collect-vault kms:Decrypt',
        'copy-blocks kms:Decrypt',
        'move kms:Decrypt',
        'restore kms:Decrypt',
        'restore-blocks kms:Decrypt',
        'verify kms:Decrypt',
        'verify-blocks kms:Decrypt',
      ].toSorted(),
    );
  });

  it('are opened only under the name of a vault', () => {
    for (const [, { Sid, Action, Condition }] of allowed())
      if (Sid !== 'OpenSecrets' && /kms:/.test(String(Action)))
        expect(Condition).toEqual({ Null: { 'kms:EncryptionContext:vaultId': 'false' } });
  });
});

describe('secrets of access keys', () => {
  it('are opened by whoever knows callers, only under the name of a key', () => {
    const opening = allowed().filter(([, { Sid }]) => Sid === 'OpenSecrets');
    expect(opening.map(([key]) => key)).toEqual(Object.keys(functions).filter(knowsCallers));
    for (const [, { Action, Condition }] of opening) {
      expect(Action).toEqual(['kms:Decrypt']);
      expect(Condition).toEqual({ Null: { 'kms:EncryptionContext:accessKeyId': 'false' } });
    }
  });
});

describe('functions', () => {
  it.each([
    ['backup', [lambda('copy-blocks'), lambda('backup:*'), lambda('notify')]],
    ['restore', [lambda('restore-blocks'), lambda('restore:*')]],
    ['verify', [lambda('verify-blocks'), lambda('verify:*')]],
    ['move', [lambda('copy-blocks'), lambda('move:*')]],
    ['run-policies', [lambda('backup:durable'), lambda('notify')]],
    ['retention-sweep', [lambda('notify')]],
    [
      'watch-jobs',
      [
        ...['backup', 'restore', 'verify', 'move'].map((name) => lambda(`${name}:durable`)),
        lambda('notify'),
      ],
    ],
    ['collect-garbage', [lambda('collect-vault')]],
    ['start-collections', [lambda('collect-garbage:durable')]],
    ['start-audits', [lambda('audit-vault')]],
    ['audit-vault', [lambda('notify')]],
    ['api-vaults', [lambda('collect-garbage:durable'), lambda('move:durable')]],
    ['api-checkpoints', [lambda('backup:durable')]],
    ['api-backups', [lambda('restore:durable'), lambda('verify:durable')]],
    ['api-disks', [lambda('restore:durable')]],
  ])('%s calls what it starts', (key, targets) => {
    expect(reachOf(key, 'lambda:InvokeFunction')).toEqual(targets);
    for (const target of targets) {
      const name = target.split(':')[6]?.slice('holdfast-prod-'.length) ?? '';
      expect(Object.keys(functions)).toContain(name);
    }
  });

  it('others call none', () => {
    expect(holdersOf('lambda:InvokeFunction')).toHaveLength(15);
  });

  it('that are durable keep their own execution, and only they', () => {
    const durable = Object.keys(functions).filter((key) => functions[key]?.['DurableConfig']);
    for (const action of ['lambda:CheckpointDurableExecution', 'lambda:GetDurableExecutionState']) {
      expect(holdersOf(action)).toEqual(durable.map((key) => `${key} ${action}`));
      for (const key of durable)
        expect(reachOf(key, action)).toEqual([lambda(`${key}:*/durable-execution/*/*`)]);
    }
  });
});

describe('the catalog', () => {
  const WRITES = ['PutItem', 'UpdateItem', 'DeleteItem', 'ConditionCheckItem'];
  const catalog = '<CatalogTable.Arn>';
  const may = (key: string, action: string, partition: string, resource = catalog) =>
    isAllowed(rights[key] ?? [], { action: `dynamodb:${action}`, resource, partition });

  it('has credentials that no function makes (one gives tokens) and only the API looks at', () => {
    for (const key of Object.keys(functions)) {
      for (const partition of ['CREDENTIAL#x', 'TOKEN#x']) {
        const gives = key === 'api-tokens' && partition === 'TOKEN#x';
        if (!gives) for (const action of WRITES) expect(may(key, action, partition)).toBe(false);
        expect([key, may(key, 'GetItem', partition)]).toEqual([key, knowsCallers(key)]);
      }
      for (const partition of ['SIGNATURE#x', 'REQUESTS#x'])
        if (!knowsCallers(key)) expect(may(key, 'GetItem', partition)).toBe(false);
    }
  });

  it.each([
    ['api-features', ['UpdateItem REQUESTS#x']],
    ['api-protectables', ['UpdateItem REQUESTS#x']],
    ['api-tokens', ['UpdateItem REQUESTS#x', 'PutItem TOKEN#x', 'PutItem SIGNATURE#x']],
  ])('is written by %s for its callers alone', (key, own) => {
    const partitions = [
      'REQUESTS#x',
      'TOKEN#x',
      'SIGNATURE#x',
      'CREDENTIAL#x',
      'VAULT#x',
      'LEDGER',
    ];
    const allowed = partitions.flatMap((partition) =>
      WRITES.flatMap((action) => (may(key, action, partition) ? `${action} ${partition}` : [])),
    );
    expect(allowed).toEqual(own);
  });

  it('is never scanned, and its table never changed', () => {
    const actions = new Set(holdersOf('dynamodb:').map((one) => String(one.split(' ')[1])));
    expect([...actions].toSorted()).toEqual(
      ['GetItem', 'BatchGetItem', 'BatchWriteItem', 'Query', ...WRITES]
        .map((action) => `dynamodb:${action}`)
        .toSorted(),
    );
  });

  it('has a block index beside it, which writers and the collector alone use', () => {
    const users = allowed().filter(([, { Resource }]) => Resource.includes('<BlocksTable.Arn>'));
    expect(users.map(([key]) => key)).toEqual(['copy-blocks', 'collect-vault']);
  });
});
