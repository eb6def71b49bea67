import { describe, expect, it } from '@jest/globals';
import { element, parseXml } from '../../../local/s3-server/xml.ts';

describe('parseXml', () => {
  it('reads elements and text', () => {
    const xml =
      '\ufeff<?xml version="1.0"?>\n<Delete xmlns="http://x/"><Quiet/>\n<Object><Key>a&amp;b &#x1F642;&#10;</Key></Object></Delete>\n';
    expect(parseXml(xml)).toEqual({
      name: 'Delete',
      text: '\n',
      children: [
        { name: 'Quiet', text: '', children: [] },
        { name: 'Object', text: '', children: [{ name: 'Key', text: 'a&b 🙂\n', children: [] }] },
      ],
    });
  });

  it('reads back every text that it wrote', () => {
    const text = `<>&"' \u0000\u0001\t\r\n\u007f\uffff ü🙂 &amp; ]]>`;
    expect(parseXml(element('a', text)).text).toBe(text);
  });

  it.each([
    ['nothing', ''],
    ['text alone', 'text'],
    ['an open element', '<a>'],
    ['a closed one', '</a>'],
    ['another end', '<a></b>'],
    ['overlapping ends', '<a><b></a></b>'],
    ['two roots', '<a/><b/>'],
    ['text behind the root', '<a/>b'],
    ['text before the root', 'b<a/>'],
    ['a comment', '<a><!-- b --></a>'],
    ['a document type', '<!DOCTYPE a><a/>'],
    ['CDATA', '<a><![CDATA[b]]></a>'],
    ['a cut tag', '<a></a'],
    ['an end that closes itself', '<a></a/>'],
    ['an unknown entity', '<a>&nbsp;</a>'],
    ['an inherited name as an entity', '<a>&toString;</a>'],
    ['a lone ampersand', '<a>a & b</a>'],
    ['a surrogate', '<a>&#xD800;</a>'],
    ['a point behind the last', '<a>&#x110000;</a>'],
    ['a deep document', `${'<a>'.repeat(20)}${'</a>'.repeat(20)}`],
  ])('refuses %s', (_what, xml) => {
    expect(() => parseXml(xml)).toThrow(expect.objectContaining({ code: 'MalformedXML' }));
  });

  it('takes no longer than its length for a malformed document', () => {
    const startMs = performance.now();
    for (const part of ['<a>', '<a ', '&', '<', '< ', '</a>', '<a/>'])
      expect(() => parseXml(`<b>${part.repeat(500_000)}`)).toThrow('well-formed');
    expect(performance.now() - startMs).toBeLessThan(5000);
  });
});
