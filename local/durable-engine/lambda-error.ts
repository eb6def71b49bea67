/** A failure as Lambda's API names it; the HTTP face answers it with this name, status and text. */
export class LambdaError extends Error {
  readonly status: number;

  constructor(
    name: keyof typeof STATUS_BY_NAME,
    message: string,
    options?: ErrorOptions & { status?: number },
  ) {
    super(message, options);
    this.name = name;
    this.status = options?.status ?? STATUS_BY_NAME[name];
  }
}

const STATUS_BY_NAME = {
  InvalidParameterValueException: 400,
  InvalidRequestContentException: 400,
  CallbackTimeoutException: 400,
  ResourceNotFoundException: 404,
  DurableExecutionAlreadyStartedException: 409,
  RequestTooLargeException: 413,
  ServiceException: 500,
} as const;

/** A 400: the request can never succeed as it is. */
export const invalid = (message: string): LambdaError =>
  new LambdaError('InvalidParameterValueException', message);

/**
 * The token of an invocation that is over. The SDK knows a text that starts like this: it ends the
 * invocation quietly instead of failing the execution.
 */
export const staleToken = (reason: string): LambdaError =>
  invalid(`Invalid Checkpoint Token: ${reason}`);

/** An error of any kind as the protocol's error object. */
export const toErrorObject = (error: unknown): { ErrorType: string; ErrorMessage: string } =>
  error instanceof Error
    ? { ErrorType: error.name, ErrorMessage: error.message }
    : { ErrorType: 'Error', ErrorMessage: String(error) };
