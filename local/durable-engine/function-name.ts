import { invalid } from './lambda-error.ts';

const NAME =
  /^(?:arn:[a-z-]+:lambda:[a-z0-9-]+:\d{12}:function:|\d{12}:function:|function:)?([A-Za-z0-9-_]{1,140})(?::([A-Za-z0-9$_-]{1,128}))?$/;

/**
 * A function as callers may name it: its name, a partial or a full ARN, each with or without a
 * qualifier (version or alias).
 * @throws LambdaError when the text is none of these
 */
export function parseFunctionName(text: string): { name: string; qualifier?: string } {
  const [, name, qualifier] = NAME.exec(text) ?? [];
  if (!name) throw invalid(`Not a function name: ${text.slice(0, 200)}`);
  return qualifier ? { name, qualifier } : { name };
}
