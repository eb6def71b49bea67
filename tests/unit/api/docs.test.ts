import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { generatedDocs } from '../../../local/write-docs.ts';

it.each(Object.entries(generatedDocs()))('%s is what the code says', (path, text) => {
  // When this fails: node local/write-docs.ts
  expect(readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')).toBe(text);
});
