import { encode } from './sigv4.ts';

const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';
const ENTITIES: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

/** Text between tags; control characters survive as references. */
export const escapeXml = (text: string): string =>
  // oxlint-disable-next-line no-control-regex -- keys may hold control characters
  text.replaceAll(/[<>&"'\u0000-\u001f\ufffe\uffff]/g, (char) => `&#${char.charCodeAt(0)};`);

export const element = (name: string, content: string | number | boolean): string =>
  `<${name}>${escapeXml(String(content))}</${name}>`;

/** A whole answer; `parts` are elements already. */
export const document = (root: string, parts: string[]): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="${NAMESPACE}">${parts.join('')}</${root}>`;

/** A key in a listing, percent-encoded when the client asked for it. */
export const listedKey = (name: string, key: string, urlEncoded: boolean): string =>
  element(name, urlEncoded ? key.split('/').map(encode).join('/') : key);

/**
 * The contents of `<name>` elements in a small request document, decoded when they hold only text.
 * `null` when an element is not closed.
 */
export const contentsOf = (xml: string, name: string): string[] | null => {
  const opening = xml.match(new RegExp(`<${name}(?:\\s[^>]*)?>`, 'g'))?.length ?? 0;
  const found = [...xml.matchAll(new RegExp(`<${name}(?:\\s[^>]*)?>([\\s\\S]*?)</${name}>`, 'g'))];
  return found.length === opening ? found.map((match) => match[1] ?? '') : null;
};

export const unescapeXml = (text: string): string =>
  text.replaceAll(/&(#x[0-9a-fA-F]+|#\d+|\w+);/g, (whole, entity: string) => {
    if (entity.startsWith('#x')) return String.fromCodePoint(Number.parseInt(entity.slice(2), 16));
    if (entity.startsWith('#')) return String.fromCodePoint(Number(entity.slice(1)));
    return ENTITIES[entity] ?? whole;
  });
