import { globSync } from 'node:fs';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { ROUTES_BY_NOUN } from '../../lib/api/routes.ts';
import { readSettings } from '../../lib/runtime/settings.ts';
import { CLAIM_MS } from '../../lib/service/run-policies.ts';
import {
  bundled,
  functionsOf,
  ofType,
  packaged,
  ROOT,
  resolved,
  type Template,
} from './packaged.ts';

const DURABLE = ['backup', 'restore', 'verify', 'move', 'collect-garbage'];
const WORKERS = ['copy-blocks', 'restore-blocks', 'verify-blocks', 'collect-vault', 'audit-vault'];
const LATEST_LAMBDA_SECONDS = 900;

let template: Template;
let names: string[];
let functions: Record<string, Record<string, unknown>>;
beforeAll(async () => {
  await bundled();
  ({ template, names } = await packaged());
  functions = functionsOf(template);
}, 200_000);

/** `functions/api/vaults.ts` -> `api-vaults`. */
const sources = globSync('functions/**/*.ts', { cwd: ROOT }).map((file) =>
  file.replace(/^functions\/(.+)\.ts$/, '$1').replaceAll('/', '-'),
);

const environmentOf = (key: string): Record<string, unknown> =>
  (functions[key]!['Environment'] as { Variables: Record<string, unknown> }).Variables;

describe('the package', () => {
  it('has a function for every file of functions/, and no other', () => {
    expect(Object.keys(functions).toSorted()).toEqual(sources.toSorted());
    for (const [key, { Handler }] of Object.entries(functions))
      expect(Handler).toBe(`dist/${key}.handler`);
  });

  it('holds the bundles, the thread of the pool, and nothing else', () => {
    const bundles = [...sources, 'pool-worker'].map((name) => `dist/${name}.mjs`);
    expect(names.toSorted()).toEqual([...bundles, 'package.json'].toSorted());
  });

  it('runs on Node 24 on arm64, and keeps logs for 30 days', () => {
    for (const properties of Object.values(functions))
      expect(properties).toMatchObject({ Runtime: 'nodejs24.x', Architectures: ['arm64'] });
    const groups = Object.values(ofType(template, 'AWS::Logs::LogGroup'));
    expect(groups.map(({ Properties }) => String(Properties['LogGroupName'])).toSorted()).toEqual(
      sources.map((name) => `/aws/lambda/holdfast-prod-${name}`).toSorted(),
    );
    for (const { Properties } of groups) expect(Properties['RetentionInDays']).toBe(30);
  });

  it('limits what all callers together may ask for', () => {
    const [stage] = Object.values(ofType(template, 'AWS::ApiGatewayV2::Stage'));
    expect(stage?.Properties['DefaultRouteSettings']).toMatchObject({
      ThrottlingRateLimit: 500,
      ThrottlingBurstLimit: 1000,
    });
  });

  it('gives no function a value of local mode', () => {
    for (const key of sources) {
      const environment = environmentOf(key);
      expect(JSON.stringify(environment)).not.toMatch(/local|file:|127\.0\.0\.1|\.holdfast/);
      expect(Object.keys(environment).filter((name) => !name.startsWith('HOLDFAST_'))).toEqual([]);
    }
  });

  it('gives every function settings that it can run with', () => {
    for (const key of sources) {
      const environment = Object.fromEntries(
        Object.entries(environmentOf(key)).map(([name, value]) => [name, resolved(value)]),
      );
      expect(readSettings(environment)).toMatchObject({
        HOLDFAST_FUNCTIONS: 'holdfast-prod',
        HOLDFAST_QUALIFIER: 'durable',
        HOLDFAST_BUCKET: '<Bucket>',
        HOLDFAST_CATALOG_TABLE: template.Resources['CatalogTable']?.Properties['TableName'],
        HOLDFAST_BLOCKS_TABLE: template.Resources['BlocksTable']?.Properties['TableName'],
        HOLDFAST_KEYS: 'kms:alias/holdfast-prod',
        HOLDFAST_CLOCK: 'system',
      });
    }
  });
});

describe('jobs and workers', () => {
  it('are durable where they orchestrate, with an end in sight and an alias', () => {
    const durable = Object.keys(functions).filter((key) => functions[key]?.['DurableConfig']);
    expect(durable.toSorted()).toEqual(DURABLE.toSorted());
    for (const key of DURABLE)
      expect(functions[key]?.['DurableConfig']).toEqual({
        ExecutionTimeout: 14 * 86_400,
        RetentionPeriodInDays: 14,
      });
    const aliases = Object.values(ofType(template, 'AWS::Lambda::Alias'));
    expect(aliases.map(({ Properties }) => Properties['Name'])).toEqual(
      DURABLE.map(() => 'durable'),
    );
  });

  it('have the time and the memory that a range takes', () => {
    for (const key of WORKERS)
      expect(functions[key]).toMatchObject({ Timeout: LATEST_LAMBDA_SECONDS, MemorySize: 3072 });
    for (const key of DURABLE)
      expect(functions[key]).toMatchObject({ Timeout: LATEST_LAMBDA_SECONDS });
  });

  it('hold a lease that outlives a worker which was stopped', () => {
    for (const key of WORKERS)
      expect(Number(environmentOf(key)['HOLDFAST_LEASE_SECONDS'])).toBeGreaterThanOrEqual(
        2 * LATEST_LAMBDA_SECONDS,
      );
  });

  it('claim a time point for longer than they may run', () => {
    const { Timeout } = functions['run-policies'] as { Timeout: number };
    expect(Timeout * 1000).toBeLessThan(CLAIM_MS);
  });

  it.each([
    ['WatchDashjobs', 'rate(1 minute)'],
    ['RunDashpolicies', 'rate(1 minute)'],
    ['StartDashcollections', 'rate(1 hour)'],
    ['MeterDashusage', 'rate(1 hour)'],
    ['StartDashaudits', 'cron(0 2 * * ? *)'],
    // Within 08:00 to 20:00 UTC (spec section 4.3).
    ['RetentionDashsweep', 'cron(0 8,12,16 * * ? *)'],
  ])('%s runs by its schedule', (name, schedule) => {
    const rules = Object.values(ofType(template, 'AWS::Events::Rule'));
    const own = rules.filter((rule) => JSON.stringify(rule).includes(`${name}LambdaFunction`));
    expect(own.map(({ Properties }) => Properties['ScheduleExpression'])).toEqual([schedule]);
  });
});

describe('notices', () => {
  it('go from their function to the bus, and from there to the topic', () => {
    const [invocations] = Object.values(ofType(template, 'AWS::Lambda::EventInvokeConfig'));
    expect(JSON.stringify(invocations?.Properties['DestinationConfig'])).toContain(
      'event-bus/default',
    );
    expect(invocations?.Properties['FunctionName']).toEqual({ Ref: 'NotifyLambdaFunction' });
    const rule = template.Resources['PublishNotices']?.Properties;
    expect(rule?.['Targets']).toMatchObject([
      { Arn: { Ref: 'NoticesTopic' }, InputPath: '$.detail.responsePayload' },
    ]);
    expect(rule?.['EventPattern']).toEqual({
      source: ['lambda'],
      'detail-type': ['Lambda Function Invocation Result - Success'],
      resources: [{ 'Fn::Sub': '${NotifyLambdaFunction.Arn}:$LATEST' }],
    });
    const [policy] = Object.values(ofType(template, 'AWS::SNS::TopicPolicy'));
    expect(JSON.stringify(policy)).toContain('events.amazonaws.com');
  });
});

describe('the API', () => {
  /** `ANY /v3/{project_id}/vaults` -> the function's key. */
  const targets = (): Record<string, string> => {
    const integrations = ofType(template, 'AWS::ApiGatewayV2::Integration');
    const uriOf = (target: string) =>
      resolved(integrations[/<(.+)>/.exec(target)?.[1] ?? '']?.Properties['IntegrationUri']);
    return Object.fromEntries(
      Object.values(ofType(template, 'AWS::ApiGatewayV2::Route')).map(({ Properties }) => {
        const id = /^<(\w+)\.Arn>$/.exec(uriOf(resolved(Properties['Target'])))?.[1] ?? '';
        const name = String(template.Resources[id]?.Properties['FunctionName']);
        return [String(Properties['RouteKey']), name.slice('holdfast-prod-'.length)];
      }),
    );
  };

  /** The route that API Gateway picks: the one with the most plain parts; `$default` else. */
  const routeFor = (method: string, path: string): string => {
    const matching = Object.keys(targets()).filter((key) => {
      const [verb = '', pattern = ''] = key.split(' ');
      const source = pattern
        .split('/')
        .map((part) => (part.endsWith('+}') ? '.+' : part.startsWith('{') ? '[^/]+' : part))
        .join('/');
      return (verb === 'ANY' || verb === method) && new RegExp(`^${source}$`).test(path);
    });
    expect(matching.length).toBeLessThanOrEqual(1);
    return matching[0] ?? '$default';
  };

  it('leads every documented path to the function of its noun', () => {
    for (const [noun, routes] of Object.entries(ROUTES_BY_NOUN))
      for (const { method, paths } of routes)
        for (const path of paths)
          expect([method, path, targets()[routeFor(method, path)]]).toEqual([
            method,
            path,
            `api-${noun}`,
          ]);
  });

  it('leads everything else to not-found', () => {
    expect(targets()['$default']).toBe('api-not-found');
    for (const path of ['/v1', '/v3/p/agents', '/v3/p/vaultsx', '/favicon.ico'])
      expect(routeFor('GET', path)).toBe('$default');
  });

  it('has no route that leads nowhere', () => {
    const used = Object.values(ROUTES_BY_NOUN)
      .flat()
      .flatMap(({ method, paths }) => paths.map((path) => routeFor(method, path)));
    expect(Object.keys(targets()).toSorted()).toEqual(
      [...new Set([...used, '$default'])].toSorted(),
    );
  });

  it('answers before the gateway gives up after 30 seconds', () => {
    for (const [key, { Timeout }] of Object.entries(functions))
      if (key.startsWith('api-')) expect(Timeout).toBeLessThan(30);
  });
});
