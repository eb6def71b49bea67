import { S3Error } from './s3-error.ts';

/**
 * The path and the decoded query pairs of a request target, as sent. Throws `InvalidURI` for a
 * target that is no path, or whose escapes are not those of UTF-8.
 */
export const splitTarget = (target: string): { path: string; query: [string, string][] } => {
  const [path, search] = splitOnce(target, '?');
  if (!path.startsWith('/')) throw new S3Error('InvalidURI', 'The request target is no path.');
  const query = search
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair): [string, string] => {
      const [name, value] = splitOnce(pair, '=');
      return [decode(name), decode(value)];
    });
  return { path, query };
};

/** Percent-decodes; a malformed escape is a bad request, not a crash. */
export const decode = (encoded: string): string => {
  try {
    return decodeURIComponent(encoded);
  } catch {
    throw new S3Error('InvalidURI', 'The request has a malformed percent-escape.');
  }
};

/** AWS's encoding: all but unreserved characters, in upper-case hex. */
export const encode = (plain: string): string =>
  encodeURIComponent(plain).replaceAll(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );

export const splitOnce = (whole: string, separator: string): [string, string] => {
  const at = whole.indexOf(separator);
  return at < 0 ? [whole, ''] : [whole.slice(0, at), whole.slice(at + separator.length)];
};
