import {
  ADVICE,
  CATALOGUE,
  callerCode,
  type ErrorCode,
  type ErrorKind,
  httpStatus,
} from '../errors.ts';

/** Stands for a detail of an error in its text. */
const detail = (name: string): string => `<${name}>`;

/** `docs/errors.md`: every failure the service can name, from the table in `lib/errors.ts`. */
export function errorsPage(): string {
  const codes = Object.keys(CATALOGUE) as ErrorCode[];
  const isSeen = (code: ErrorCode): boolean => callerCode(code) === code;
  return [
    '# Errors',
    '',
    'Generated from `lib/errors.ts` by `node local/write-docs.ts`; do not edit.',
    '',
    'API callers get `{"error_code": "...", "error_msg": "..."}` with the HTTP status below, and',
    'the request id in the header `X-Request-Id`. `error_info` of tasks and backups has these codes',
    'too, and those of the second table.',
    '',
    '## What callers of the API see',
    '',
    '| Code | HTTP | Kind | Text |',
    '|---|---|---|---|',
    ...codes
      .filter(isSeen)
      .map((code) => `| ${code} | ${httpStatus(code)} | ${kindOf(code)} | ${textOf(code)} |`),
    '',
    '## What happens inside',
    '',
    'In logs and in the record of a task; a caller whose request fails of it sees the last column.',
    '',
    '| Code | Kind | Text | Seen as |',
    '|---|---|---|---|',
    ...codes
      .filter((code) => !isSeen(code))
      .map((code) => `| ${code} | ${kindOf(code)} | ${textOf(code)} | ${callerCode(code)} |`),
    '',
    '## Kinds: what to do about it',
    '',
    '| Kind | What to do |',
    '|---|---|',
    ...Object.entries(ADVICE).map(([kind, advice]) => `| ${kind} | ${advice} |`),
    '',
  ].join('\n');
}

const kindOf = (code: ErrorCode): ErrorKind => CATALOGUE[code].kind;

/** The text of a code with its details' names in their places. */
function textOf(code: ErrorCode): string {
  const details = new Proxy({}, { get: (_, name) => detail(String(name)) });
  const text = CATALOGUE[code].text as (details: object) => string;
  return text(details).replaceAll('|', '\\|').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
