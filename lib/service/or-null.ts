import { type ErrorCode, isError } from '../errors.ts';

/** What is found; `null` when it is refused with `code`, which says that there is none. */
export async function orNull<T>(found: Promise<T>, code: ErrorCode): Promise<T | null> {
  try {
    return await found;
  } catch (error) {
    if (!isError(error, code)) throw error;
    return null;
  }
}
