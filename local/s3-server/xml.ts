import { S3Error } from './s3-error.ts';
import { encode } from './uri.ts';

const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';
const ENTITIES: Record<string, string> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };
/** Deeper than any request document of S3. */
const DEPTH_MAX = 8;

/** Text between tags; control characters survive as references. */
export const escapeXml = (text: string): string =>
  // oxlint-disable-next-line no-control-regex -- keys may hold control characters
  text.replaceAll(/[<>&"'\u0000-\u001f\ufffe\uffff]/g, (char) => `&#${char.charCodeAt(0)};`);

export const element = (name: string, content: string | number | boolean): string =>
  `<${name}>${escapeXml(String(content))}</${name}>`;

/** A whole answer; `parts` are elements already. */
export const document = (root: string, parts: string[]): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="${NAMESPACE}">${parts.join('')}</${root}>`;

/** An error as S3 answers it, which has no namespace. */
export const errorDocument = ({ code, message }: S3Error, requestId: string): string =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<Error>${element('Code', code)}${element('Message', message)}${element('RequestId', requestId)}</Error>`;

/** A key in a listing, percent-encoded when the client asked for it. */
export const listedKey = (name: string, key: string, urlEncoded: boolean): string =>
  element(name, urlEncoded ? key.split('/').map(encode).join('/') : key);

export interface XmlElement {
  name: string;
  text: string;
  children: XmlElement[];
}

/**
 * The root of a small request document. Elements and text are all that S3's requests have:
 * comments, CDATA and document types are `MalformedXML` like everything else that is not
 * well-formed. Takes time proportional to the length of the document, whatever it holds.
 */
export const parseXml = (xml: string): XmlElement => {
  const top: XmlElement = { name: '', text: '', children: [] };
  const open = [top];
  const token = /([^<]*)<(\/?)([A-Za-z_][\w.:-]*)(?:\s[^<>]*?)?(\/?)>/y;
  token.lastIndex = /^\ufeff?\s*(?:<\?xml[^>]*\?>)?\s*/.exec(xml)?.[0].length ?? 0;
  let end = token.lastIndex;
  for (let found = token.exec(xml); found !== null; found = token.exec(xml)) {
    end = token.lastIndex;
    const [, text = '', slash, name = '', selfClosing] = found;
    const current = open.at(-1) ?? top;
    current.text += unescapeXml(text);
    if (slash === '/') {
      if (current.name !== name || selfClosing === '/' || open.length === 1) throw malformed();
      open.pop();
      continue;
    }
    const child = { name, text: '', children: [] };
    current.children.push(child);
    if (selfClosing !== '/') open.push(child);
    if (open.length > DEPTH_MAX) throw malformed();
  }
  const [root, ...more] = top.children;
  const isWhole = open.length === 1 && top.text.trim() === '' && xml.slice(end).trim() === '';
  if (root === undefined || more.length > 0 || !isWhole) throw malformed();
  return root;
};

const unescapeXml = (text: string): string =>
  text.replaceAll(/&([^&;]{0,10};?)/g, (_whole, reference: string) => {
    const [, hex, decimal, name = ''] =
      /^(?:#x([0-9a-fA-F]+)|#(\d+)|(\w+));$/.exec(reference) ?? [];
    if (hex === undefined && decimal === undefined) {
      const char = Object.hasOwn(ENTITIES, name) ? ENTITIES[name] : undefined;
      if (char === undefined) throw malformed();
      return char;
    }
    const point = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) throw malformed();
    return String.fromCodePoint(point);
  });

const malformed = (): S3Error =>
  new S3Error('MalformedXML', 'The request document is not well-formed XML.');
