import { beforeAll, describe, expect, it } from '@jest/globals';
import { DYNAMO_TABLES } from '../../lib/adapters/aws/dynamo-tables.ts';
import { ofType, packaged, type Resource, resolved, type Template } from './packaged.ts';
import { type Statement, statementsOf } from './permissions.ts';

let template: Template;
beforeAll(async () => {
  ({ template } = await packaged());
}, 200_000);

const resource = (id: string): Resource => template.Resources[id] as Resource;
const properties = (id: string) => resource(id).Properties;

it('stays far from the limit of 500 resources', () => {
  expect(Object.keys(template.Resources).length).toBeLessThan(400);
});

it.each(['Bucket', 'BucketPolicy', 'CatalogTable', 'BlocksTable', 'MasterKey', 'MasterKeyAlias'])(
  '%s outlives the stack and its own replacement',
  (id) => {
    expect(resource(id)).toMatchObject({
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
    });
  },
);

describe('the tables', () => {
  it.each([
    [
      'CatalogTable',
      'catalog',
      { TimeToLiveSpecification: { AttributeName: 'ttl', Enabled: true } },
    ],
    ['BlocksTable', 'blocks', {}],
  ] as const)(
    '%s has the shape that tests and local mode create, and is protected',
    (id, kind, more) => {
      expect(properties(id)).toEqual({
        TableName: `holdfast-prod-${kind}`,
        ...DYNAMO_TABLES[kind],
        ...more,
        DeletionProtectionEnabled: true,
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
      });
    },
  );

  it('are two', () => {
    expect(Object.keys(ofType(template, 'AWS::DynamoDB::Table'))).toHaveLength(2);
  });
});

describe('the bucket', () => {
  it('is closed to the public, encrypted and versioned', () => {
    expect(properties('Bucket')).toMatchObject({
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
      VersioningConfiguration: { Status: 'Enabled' },
      BucketEncryption: {
        ServerSideEncryptionConfiguration: [
          { ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } },
        ],
      },
    });
  });

  it('expires versions that were replaced, and never a current object', () => {
    const { Rules } = properties('Bucket')['LifecycleConfiguration'] as { Rules: object[] };
    const effects = Rules.flatMap((rule) => Object.keys(rule));
    expect(Rules).toContainEqual(
      expect.objectContaining({
        Status: 'Enabled',
        NoncurrentVersionExpiration: { NoncurrentDays: 1 },
      }),
    );
    expect([...new Set(effects)].toSorted()).toEqual([
      'AbortIncompleteMultipartUpload',
      'ExpiredObjectDeleteMarker',
      'Id',
      'NoncurrentVersionExpiration',
      'Status',
    ]);
  });

  describe('its policy', () => {
    const denials = (): Statement[] => statementsOf(properties('BucketPolicy')['PolicyDocument']);
    const denial = (Sid: string) => denials().find((one) => one.Sid === Sid);
    const objects = ['<Bucket.Arn>/*'];
    const everything = ['<Bucket.Arn>', ...objects];

    it('allows nobody anything, and speaks to everybody', () => {
      const { Statement: statements } = properties('BucketPolicy')['PolicyDocument'] as {
        Statement: { Effect: string; Principal: unknown }[];
      };
      for (const one of statements) expect(one).toMatchObject({ Effect: 'Deny', Principal: '*' });
      expect(resolved(properties('BucketPolicy')['Bucket'])).toBe('<Bucket>');
    });

    it('refuses what does not come by TLS 1.2', () => {
      const tls = { Effect: 'Deny', Action: ['s3:*'], Resource: everything };
      expect(denial('OnlyTls')).toMatchObject({
        ...tls,
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      });
      expect(denial('OnlyTls12')).toMatchObject({
        ...tls,
        Condition: { NumericLessThan: { 's3:TlsVersion': '1.2' } },
      });
    });

    const notCollector = { 'aws:PrincipalArn': { 'Fn::GetAtt': ['CollectVaultRole', 'Arn'] } };

    it('refuses a put without If-None-Match, but for the collector, whose puts have If-Match', () => {
      expect(denial('OnlyWriteOnce')).toMatchObject({
        Effect: 'Deny',
        Action: ['s3:PutObject'],
        Resource: objects,
        Condition: { Null: { 's3:if-none-match': 'true' }, ArnNotEquals: notCollector },
      });
      expect(denial('OnlyConditionally')).toMatchObject({
        Effect: 'Deny',
        Action: ['s3:PutObject'],
        Resource: objects,
        Condition: { Null: { 's3:if-none-match': 'true', 's3:if-match': 'true' } },
      });
    });

    it('refuses every delete but the collector`s, and that of a version to everybody', () => {
      expect(denial('OnlyCollectorDeletes')).toMatchObject({
        Effect: 'Deny',
        Action: ['s3:DeleteObject'],
        Resource: objects,
        Condition: { ArnNotEquals: notCollector },
      });
      expect(denial('NobodyDeletesVersions')).toMatchObject({
        Effect: 'Deny',
        Action: ['s3:DeleteObjectVersion'],
        Resource: objects,
        Condition: {},
      });
    });
  });

  it('of the deployments is closed to the public too', () => {
    expect(properties('ServerlessDeploymentBucket')).toMatchObject({
      PublicAccessBlockConfiguration: { BlockPublicAcls: true, RestrictPublicBuckets: true },
    });
  });
});

describe('the master key', () => {
  it('rotates, can be rescued for 30 days, and has the name that functions use', () => {
    expect(properties('MasterKey')).toMatchObject({
      EnableKeyRotation: true,
      PendingWindowInDays: 30,
    });
    expect(properties('MasterKeyAlias')).toEqual({
      AliasName: 'alias/holdfast-prod',
      TargetKeyId: { Ref: 'MasterKey' },
    });
  });

  it('leaves who may use it to the account alone', () => {
    const { Statement: statements } = properties('MasterKey')['KeyPolicy'] as {
      Statement: { Principal: { AWS: unknown } }[];
    };
    expect(statements.map(({ Principal }) => resolved(Principal.AWS))).toEqual([
      'arn:aws:iam::123456789012:root',
    ]);
  });
});
