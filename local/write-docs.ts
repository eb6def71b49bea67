import { readFileSync, writeFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { errorsPage } from '../lib/api/errors-page.ts';
import { openApiDocument } from '../lib/api/openapi.ts';

/** Writes the generated documents; a test fails when they are behind. */

const root = new URL('..', import.meta.url);
const { version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as {
  version: string;
};

/** Generated documents by their path in the repository. */
export const generatedDocs = (): Record<string, string> => ({
  'docs/errors.md': errorsPage(),
  'docs/openapi.yaml': stringify(openApiDocument(version), { aliasDuplicateObjects: false }),
});

if (import.meta.main) {
  for (const [path, text] of Object.entries(generatedDocs())) {
    writeFileSync(new URL(path, root), text);
  }
}
