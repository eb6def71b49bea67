/**
 * A role for every function, with what its use cases do and no more: `RIGHTS` is the table, the
 * statements stand below it. `serverless.yml` takes `resources`; a function names its role
 * `<Function>Role`. The collector alone may delete objects.
 */

/** Prefix of the functions' names: the stack is called `<service>-<stage>`, as they are. */
const STACK = '${AWS::StackName}';

const rights = () => ({
  backup: [
    ...job('backup', 'copy-blocks'),
    catalog('get', 'query', 'put', 'update', 'delete', 'check'),
    write('backups/*/manifest', 'backups/*/committed'),
    notify,
    seeBucket,
    openKeys,
  ],
  restore: [
    ...job('restore', 'restore-blocks'),
    catalog('get', 'put', 'update', 'delete', 'check'),
    read('backups/*', 'keys/*', 'vault.json'),
    seeBucket,
    openKeys,
  ],
  verify: [
    ...job('verify', 'verify-blocks'),
    catalog('get', 'query', 'put', 'update', 'delete', 'check'),
    read('backups/*', 'packs/*'),
    seeBucket,
    openKeys,
  ],
  move: [
    ...job('move', 'copy-blocks'),
    catalog('get', 'query', 'put', 'update', 'delete', 'check'),
    write('backups/*/manifest', 'backups/*/committed'),
    seeBucket,
    openKeys,
  ],
  'copy-blocks': [
    catalog('get', 'put', 'update', 'check'),
    noCredentials,
    write('packs/*', 'backups/*/segments/*'),
    read('backups/*/manifest'),
    seeBucket,
    openKeys,
    blockIndex,
  ],
  'restore-blocks': [
    catalog('get', 'update'),
    noCredentials,
    read('packs/*', 'backups/*'),
    seeBucket,
    openKeys,
  ],
  'verify-blocks': [
    catalog('get', 'update'),
    noCredentials,
    read('packs/*', 'backups/*', 'keys/*', 'vault.json'),
    seeBucket,
    openKeys,
  ],
  'collect-garbage': [keepExecution('collect-garbage'), call('collect-vault')],
  // Whoever changes this name changes it in the bucket's policy too (infra/bucket.yml).
  'collect-vault': [
    catalog('get', 'batch', 'batchWrite', 'query', 'put', 'update', 'delete', 'check'),
    noCredentials,
    read('backups/*', 'packs/*'),
    replacePacks,
    deleteObjects,
    seeBucket,
    openKeys,
    forgetBlocks,
  ],
  'start-collections': [catalog('query'), noCredentials, start('collect-garbage')],
  'audit-vault': [
    catalog('get', 'batch', 'query'),
    noCredentials,
    read('backups/*', 'packs/*'),
    notify,
    seeBucket,
    openKeys,
  ],
  'start-audits': [catalog('query'), noCredentials, call('audit-vault')],
  'watch-jobs': [
    catalog('get', 'batch', 'query', 'put', 'update', 'delete'),
    noCredentials,
    start('backup', 'restore', 'verify', 'move'),
    notify,
  ],
  'retention-sweep': [
    catalog('get', 'query', 'put', 'update', 'delete', 'check', 'batchWrite'),
    noCredentials,
    notify,
  ],
  'run-policies': [
    catalog('get', 'query', 'put', 'update', 'delete'),
    noCredentials,
    start('backup'),
    notify,
  ],
  'meter-usage': [catalog('get', 'query', 'put', 'delete', 'batchWrite'), noCredentials],
  notify: [publish],
  'api-vaults': [
    catalog('get', 'batch', 'query', 'put', 'update', 'delete', 'check'),
    list('byProject', 'byStatus'),
    keepCredentials,
    openSecrets,
    write('keys/*', 'vault.json'),
    seeBucket,
    openKeys,
    wrapKeys,
    start('collect-garbage', 'move'),
  ],
  'api-features': [catalog('get'), countRequests, openSecrets],
  'api-policies': [
    catalog('get', 'query', 'put', 'update', 'delete'),
    keepCredentials,
    openSecrets,
  ],
  'api-protectables': [catalog('get'), countRequests, openSecrets],
  'api-checkpoints': [
    catalog('get', 'query', 'put', 'update'),
    keepCredentials,
    openSecrets,
    start('backup'),
  ],
  'api-backups': [
    catalog('get', 'batch', 'query', 'put', 'update', 'delete', 'check'),
    listAll,
    keepCredentials,
    openSecrets,
    start('restore', 'verify'),
  ],
  'api-operation-logs': [
    catalog('get', 'batch', 'query', 'put', 'update'),
    listAll,
    keepCredentials,
    openSecrets,
  ],
  'api-disks': [
    catalog('get', 'batch', 'query', 'put', 'update', 'delete'),
    keepCredentials,
    openSecrets,
    start('restore'),
  ],
  // It gives tokens for access keys; the keys themselves it only reads.
  'api-tokens': [catalog('get'), countRequests, giveTokens, openSecrets],
  'api-versions': [],
  'api-not-found': [],
});

const arn = (service, resource) => ({
  'Fn::Sub': `arn:\${AWS::Partition}:${service}:\${AWS::Region}:\${AWS::AccountId}:${resource}`,
});
const functionArn = (name, qualifier = '') =>
  arn('lambda', `function:${STACK}-${name}${qualifier}`);
const allow = (Sid, Action, Resource, Condition) => ({
  Sid,
  Effect: 'Allow',
  Action,
  Resource,
  ...(Condition && { Condition }),
});

const catalogTable = { 'Fn::GetAtt': ['CatalogTable', 'Arn'] };
const ACTIONS = {
  get: 'dynamodb:GetItem',
  batch: 'dynamodb:BatchGetItem',
  batchWrite: 'dynamodb:BatchWriteItem',
  query: 'dynamodb:Query',
  put: 'dynamodb:PutItem',
  update: 'dynamodb:UpdateItem',
  delete: 'dynamodb:DeleteItem',
  check: 'dynamodb:ConditionCheckItem',
};
const catalog = (...names) =>
  allow(
    'UseCatalog',
    names.map((name) => ACTIONS[name]),
    [catalogTable],
  );
/** What a project has, newest first. */
const list = (...indexes) =>
  allow(
    'ListCatalog',
    ['dynamodb:Query'],
    indexes.map((name) => ({ 'Fn::Sub': `\${CatalogTable.Arn}/index/${name}` })),
  );
const listAll = list('byProject', 'byStatus', 'byDisk', 'byVault');

const denyCredentials = (Sid, names, prefixes) => ({
  Sid,
  Effect: 'Deny',
  Action: names.map((name) => ACTIONS[name]),
  Resource: [catalogTable],
  Condition: { 'ForAnyValue:StringLike': { 'dynamodb:LeadingKeys': prefixes } },
});
const CHANGES = ['put', 'update', 'delete', 'check'];
/** Whoever could write a credential could be anybody: the operator does, and no function. */
const keepCredentials = denyCredentials('KeepCredentials', CHANGES, ['CREDENTIAL#*', 'TOKEN#*']);
/** Of a function that changes nothing but what is known of its callers: one item a request. */
const ofCallers = (Sid, names, prefixes) =>
  allow(
    Sid,
    names.map((name) => ACTIONS[name]),
    [catalogTable],
    { 'ForAnyValue:StringLike': { 'dynamodb:LeadingKeys': prefixes } },
  );
const countRequests = ofCallers('CountRequests', ['update'], ['REQUESTS#*']);
const giveTokens = ofCallers('GiveTokens', ['put'], ['TOKEN#*', 'SIGNATURE#*']);
/** Jobs act for a task, not for a caller. */
const noCredentials = denyCredentials('NoCredentials', Object.keys(ACTIONS), [
  'CREDENTIAL#*',
  'TOKEN#*',
  'SIGNATURE#*',
  'REQUESTS#*',
]);

const blockIndex = allow(
  'UseBlockIndex',
  ['dynamodb:BatchGetItem', 'dynamodb:BatchWriteItem'],
  [{ 'Fn::GetAtt': ['BlocksTable', 'Arn'] }],
);

const forgetBlocks = allow(
  'ForgetBlocks',
  ['dynamodb:DeleteItem'],
  [{ 'Fn::GetAtt': ['BlocksTable', 'Arn'] }],
);

/** Keys are `v1/<project>/<vault>/<what>`. */
const objects = (patterns) =>
  patterns.map((pattern) => ({ 'Fn::Sub': `\${Bucket.Arn}/v1/*/*/${pattern}` }));
const read = (...patterns) => allow('ReadObjects', ['s3:GetObject'], objects(patterns));
/** Who writes also reads: after an answer that was lost, what is stored tells how it went. */
const write = (...patterns) =>
  allow('WriteObjects', ['s3:PutObject', 's3:GetObject'], objects(patterns));
/** The collector's alone (rules R9, R10, R14); the bucket's policy denies it to everybody else. */
const replacePacks = allow('ReplacePacks', ['s3:PutObject'], objects(['packs/*']));
const deleteObjects = allow(
  'DeleteObjects',
  ['s3:DeleteObject'],
  objects(['packs/*', 'backups/*', 'keys/*', 'vault.json']),
);
/** Without it S3 answers 403 for an object that is not there, and absence could not be proven. */
const seeBucket = allow('SeeBucket', ['s3:ListBucket'], [{ 'Fn::GetAtt': ['Bucket', 'Arn'] }]);

const masterKey = [{ 'Fn::GetAtt': ['MasterKey', 'Arn'] }];
/** A blob is opened only under the name of its vault, which CloudTrail records. */
const forVault = { Null: { 'kms:EncryptionContext:vaultId': 'false' } };
const openKeys = allow('OpenVaultKeys', ['kms:Decrypt'], masterKey, forVault);
/** The secret of an access key is opened under the key's id, to check a signature with it. */
const openSecrets = allow('OpenSecrets', ['kms:Decrypt'], masterKey, {
  Null: { 'kms:EncryptionContext:accessKeyId': 'false' },
});
const wrapKeys = allow('WrapVaultKeys', ['kms:Encrypt'], masterKey, forVault);

/** Jobs are started through the alias that their releases move. */
const start = (...jobs) =>
  allow(
    'StartJobs',
    ['lambda:InvokeFunction'],
    jobs.map((name) => functionArn(name, ':durable')),
  );

/** A durable function keeps its state with Lambda, calls its worker, and itself for slices. */
const keepExecution = (name) =>
  allow(
    'KeepExecution',
    ['lambda:CheckpointDurableExecution', 'lambda:GetDurableExecutionState'],
    [functionArn(name, ':*/durable-execution/*/*')],
  );
const call = (worker) => allow('CallWorkers', ['lambda:InvokeFunction'], [functionArn(worker)]);
const job = (name, worker) => [
  noCredentials,
  keepExecution(name),
  allow('CallWorkers', ['lambda:InvokeFunction'], [functionArn(worker), functionArn(name, ':*')]),
];

const notify = allow('Notify', ['lambda:InvokeFunction'], [functionArn('notify')]);
/** Lambda itself puts the function's answers on the bus, with the function's role. */
const publish = allow('Publish', ['events:PutEvents'], [arn('events', 'event-bus/default')]);

const log = (name) =>
  allow(
    'Log',
    ['logs:CreateLogStream', 'logs:PutLogEvents'],
    [arn('logs', `log-group:/aws/lambda/${STACK}-${name}:*`)],
  );

const ASSUMED_BY_LAMBDA = {
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Principal: { Service: 'lambda.amazonaws.com' }, Action: 'sts:AssumeRole' },
  ],
};

const role = (name, statements) => ({
  Type: 'AWS::IAM::Role',
  Properties: {
    AssumeRolePolicyDocument: ASSUMED_BY_LAMBDA,
    Policies: [
      {
        PolicyName: 'use-cases',
        PolicyDocument: { Version: '2012-10-17', Statement: [log(name), ...statements] },
      },
    ],
  },
});

/** `copy-blocks` -> `CopyBlocksRole`. */
const roleName = (name) =>
  `${name.replaceAll(/(?:^|-)([a-z])/g, (_, letter) => letter.toUpperCase())}Role`;

export const resources = {
  Resources: Object.fromEntries(
    Object.entries(rights()).map(([name, statements]) => [roleName(name), role(name, statements)]),
  ),
};
