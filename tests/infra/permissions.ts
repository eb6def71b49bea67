import * as z from 'zod';
import { ofType, resolved, type Template } from './packaged.ts';

/** A statement of a policy, its lists made lists and its resources resolved. */
export interface Statement {
  Sid: string;
  Effect: 'Allow' | 'Deny';
  Action: string[];
  Resource: string[];
  Condition: Record<string, Record<string, unknown>>;
}

const list = <T extends z.ZodType>(item: T) =>
  z.union([item, z.array(item)]).transform((value) => (Array.isArray(value) ? value : [value]));
const statement = z.strictObject({
  Sid: z.string(),
  Effect: z.enum(['Allow', 'Deny']),
  Principal: z.unknown().optional(),
  Action: list(z.string()),
  Resource: list(z.unknown()),
  Condition: z.record(z.string(), z.record(z.string(), z.unknown())).default({}),
});

export const statementsOf = (policy: unknown): Statement[] =>
  z
    .object({ Statement: z.array(statement) })
    .parse(policy)
    .Statement.map((one) => ({ ...one, Resource: (one.Resource as unknown[]).map(resolved) }));

/** What the role of each function says, by the function's key. */
export const rightsOf = (
  template: Template,
  functions: Record<string, Record<string, unknown>>,
): Record<string, Statement[]> => {
  const roles = ofType(template, 'AWS::IAM::Role');
  return Object.fromEntries(
    Object.entries(functions).map(([key, { Role }]) => {
      const id = /^<(.+)\.Arn>$/.exec(resolved(Role))?.[1] ?? '';
      const policies = roles[id]?.Properties['Policies'] as { PolicyDocument: unknown }[];
      return [key, policies.flatMap(({ PolicyDocument }) => statementsOf(PolicyDocument))];
    }),
  );
};

/** What somebody wants to do. `partition` is the partition key of the item it is about. */
export interface Wish {
  action: string;
  resource: string;
  partition?: string;
}

/** IAM's rule: allowed by one statement and denied by none. */
export const isAllowed = (statements: Statement[], wish: Wish): boolean => {
  const speaking = statements.filter((one) => speaksOf(one, wish));
  return (
    speaking.some(({ Effect }) => Effect === 'Allow') &&
    !speaking.some(({ Effect }) => Effect === 'Deny')
  );
};

const speaksOf = (
  { Action, Resource, Condition }: Statement,
  { action, resource, partition = '' }: Wish,
): boolean => {
  const partitions = Condition['ForAnyValue:StringLike']?.['dynamodb:LeadingKeys'] as string[];
  return (
    Action.some((pattern) => isLike(pattern, action)) &&
    Resource.some((pattern) => isLike(pattern, resource)) &&
    (partitions === undefined || partitions.some((pattern) => isLike(pattern, partition)))
  );
};

const isLike = (pattern: string, text: string): boolean => {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(text);
};
