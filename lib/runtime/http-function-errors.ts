import {
  CATALOGUE,
  callerCode,
  type ErrorCode,
  HoldfastError,
  httpStatus,
  isError,
} from '../errors.ts';

/**
 * What a caller is told of a failure: CBR's form, a code that is documented, and nothing of what is
 * inside: a code that callers do not see brings the text of the one they see instead.
 */
export function errorAnswer(error: unknown): {
  code: ErrorCode;
  statusCode: number;
  headers: Record<string, string>;
  body: string;
} {
  const { code, message } = shown(error);
  return {
    code,
    statusCode: httpStatus(code),
    // Requests are counted by the second.
    headers: code === 'Holdfast.Throttled' ? { 'retry-after': '1' } : {},
    body: JSON.stringify({ error_code: code, error_msg: message }),
  };
}

function shown(error: unknown): { code: ErrorCode; message: string } {
  if (!isError(error)) {
    return textOf(isTimeout(error) ? 'Holdfast.Unavailable' : 'BackupService.9910');
  }
  const code = callerCode(error.code) as ErrorCode;
  const isMeantForCallers = code === error.code || 'cbr' in CATALOGUE[error.code];
  return isMeantForCallers
    ? { code, message: error.message }
    : textOf(code as 'Holdfast.Unavailable' | 'BackupService.9910');
}

const textOf = (code: 'Holdfast.Unavailable' | 'BackupService.9910') => ({
  code,
  message: new HoldfastError(code, {}).message,
});

/** The function was about to be stopped. */
const isTimeout = (error: unknown): boolean =>
  error instanceof Error && error.name === 'TimeoutError';
