import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as z from 'zod';

const run = promisify(execFile);

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));
export const STACK = 'holdfast-prod';

const resource = z.object({
  Type: z.string(),
  Properties: z.record(z.string(), z.unknown()).default({}),
  DeletionPolicy: z.string().optional(),
  UpdateReplacePolicy: z.string().optional(),
});
const template = z.object({
  Resources: z.record(z.string(), resource),
  Outputs: z.record(z.string(), z.object({ Value: z.unknown() })),
});
export type Resource = z.infer<typeof resource>;
export type Template = z.infer<typeof template>;

/** Makes the bundles anew, as the package takes them. */
export const bundled = async (): Promise<void> => {
  await run(process.execPath, ['build.ts'], { cwd: ROOT, timeout: 60_000 });
};

/**
 * What `npm run package` makes, in a folder of its own: without credentials, without a region, in
 * an empty home. `names` are the files of the package.
 */
export const packaged = async (): Promise<{ template: Template; names: string[] }> => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-package-'));
  const serverless = join(ROOT, 'node_modules/serverless/bin/serverless.js');
  const command = [serverless, 'package', '--stage', 'prod', '--package', folder];
  const env = { PATH: process.env['PATH'], HOME: folder, SLS_TELEMETRY_DISABLED: '1' };
  try {
    await run(process.execPath, command, { cwd: ROOT, timeout: 90_000, env });
    const text = await readFile(join(folder, 'cloudformation-template-update-stack.json'), 'utf8');
    return {
      template: template.parse(JSON.parse(text)),
      names: namesInZip(await readFile(join(folder, 'holdfast.zip'))),
    };
  } finally {
    await rm(folder, { recursive: true });
  }
};

/** Resources of a type, by their logical id. */
export const ofType = ({ Resources }: Template, type: string): Record<string, Resource> =>
  Object.fromEntries(Object.entries(Resources).filter(([, { Type }]) => Type === type));

/** Lambda functions by the key they have in `serverless.yml`. */
export const functionsOf = (from: Template): Record<string, Record<string, unknown>> =>
  Object.fromEntries(
    Object.values(ofType(from, 'AWS::Lambda::Function')).map(({ Properties }) => [
      String(Properties['FunctionName']).slice(STACK.length + 1),
      Properties,
    ]),
  );

const PSEUDO: Record<string, string> = {
  'AWS::Partition': 'aws',
  'AWS::Region': 'eu-west-1',
  'AWS::AccountId': '123456789012',
  'AWS::StackName': STACK,
};

/**
 * A value as CloudFormation would make it; `<Id>` stands for a resource, `<Id.Arn>` for its ARN.
 */
export const resolved = (value: unknown): string => {
  if (typeof value === 'string') return value;
  const [[name, argument] = ['', undefined]] = Object.entries(value as Record<string, unknown>);
  if (name === 'Ref') return PSEUDO[String(argument)] ?? `<${String(argument)}>`;
  if (name === 'Fn::GetAtt') return `<${(argument as string[]).join('.')}>`;
  if (name === 'Fn::Join') {
    const [separator, parts] = argument as [string, unknown[]];
    return parts.map(resolved).join(separator);
  }
  if (name === 'Fn::Sub' && typeof argument === 'string') {
    return argument.replaceAll(/\$\{([^}]+)\}/g, (_, id: string) => PSEUDO[id] ?? `<${id}>`);
  }
  throw new TypeError(`no value: ${JSON.stringify(value)}`);
};

/** Names in a zip's central directory. */
function namesInZip(zip: Buffer): string[] {
  const end = zip.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'));
  const names: string[] = [];
  let at = zip.readUInt32LE(end + 16);
  for (let left = zip.readUInt16LE(end + 10); left > 0; left--) {
    const nameLength = zip.readUInt16LE(at + 28);
    names.push(zip.toString('utf8', at + 46, at + 46 + nameLength));
    at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32);
  }
  return names;
}
