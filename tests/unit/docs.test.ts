import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const ROOT = resolve(import.meta.dirname, '../..');
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

const NOT_OURS = /^(node_modules|dist|\.holdfast|\.serverless|\.tools|coverage)(\/|$)/;
const filesOf = (pattern: string): string[] =>
  globSync(pattern, { cwd: ROOT, exclude: (path) => NOT_OURS.test(path) }).toSorted();

const DOCUMENTS = filesOf('**/*.md');
/** What reads the environment. */
const CODE = ['{lib,functions,local,bench,infra,tests}/**/*.{ts,js,cjs,yml}', 'serverless.yml']
  .flatMap(filesOf)
  .map(read)
  .join('\n');

const matchesOf = (text: string, pattern: RegExp): string[] => [
  ...new Set([...text.matchAll(pattern)].map((match) => match[1] ?? match[0])),
];

/** Without what stands between fences or backticks: there a link is an example. */
const proseOf = (text: string): string => text.replaceAll(/```[\s\S]*?```|`[^`\n]*`/g, '');

const linksOf = (document: string): string[] =>
  matchesOf(proseOf(read(document)), /\]\(([^)\s]+)\)/g).filter((link) => !/^\w+:/.test(link));

/** Anchors of a document's headings, as GitHub makes them. */
const anchorsOf = (document: string): string[] =>
  matchesOf(read(document), /^#+ +(.+)$/gm).map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );

describe.each(DOCUMENTS)('%s', (document) => {
  it('links only to what is there', () => {
    const broken = linksOf(document).filter((link) => {
      const [path = '', anchor] = link.split('#');
      const target = path === '' ? document : join(dirname(document), path);
      if (!existsSync(join(ROOT, target))) return true;
      return anchor !== undefined && !anchorsOf(target).includes(anchor);
    });
    expect(broken).toEqual([]);
  });

  it('names only npm scripts that there are', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const named = matchesOf(read(document), /\bnpm run (?:-s )?([a-z][a-z:-]*)/g);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });

  it('names only variables that the code reads', () => {
    const named = matchesOf(read(document), /\b(?:HOLDFAST|AWS|IS)_[A-Z0-9_]*[A-Z0-9]\b/g);
    expect(named.filter((name) => !new RegExp(`\\b${name}\\b`).test(CODE))).toEqual([]);
  });

  it('names only files that there are', () => {
    const path = /`((?:lib|functions|local|tests|docs|infra|bench|events)\/[\w./-]*\w)`/g;
    const gone = matchesOf(read(document), path).filter((name) => !existsSync(join(ROOT, name)));
    expect(gone).toEqual([]);
  });
});

describe('the decisions', () => {
  const records = filesOf('docs/adr/*.md').map((path) => path.slice('docs/adr/'.length));

  it('are all listed in ARCHITECTURE.md, in their order', () => {
    expect(matchesOf(read('ARCHITECTURE.md'), /\]\(docs\/adr\/([^)]+)\)/g)).toEqual(records);
  });

  it('have numbers without a gap', () => {
    const numbers = records.map((_, n) => String(n).padStart(4, '0'));
    expect(records.map((name) => name.slice(0, 4))).toEqual(numbers);
  });

  it.each(records)('%s has the parts of the template', (record) => {
    const partsOf = (name: string) => matchesOf(read(`docs/adr/${name}`), /^## .+$/gm);
    const questionsOf = (name: string) => matchesOf(read(`docs/adr/${name}`), /^\| ([^|]+\?) \|/gm);
    expect(partsOf(record)).toEqual(partsOf('0000-template.md'));
    expect(questionsOf(record)).toEqual(questionsOf('0000-template.md'));
    expect(read(`docs/adr/${record}`)).toMatch(new RegExp(`^# ${record.slice(0, 4)}: `));
  });

  it('are answered in full', () => {
    const open = records.slice(1).filter((name) => /\? \| *\|$/m.test(read(`docs/adr/${name}`)));
    expect(open).toEqual([]);
  });
});

describe('README.md', () => {
  it('names every variable of local mode that a user may set', () => {
    const user = matchesOf(
      ['local/ports.ts', 'local/home.ts', 'local/demo.ts'].map(read).join('\n'),
      /\bHOLDFAST_[A-Z0-9_]+\b/g,
    );
    expect(user.filter((name) => !read('README.md').includes(`\`${name}\``))).toEqual([]);
  });

  it('names every variable of the functions', () => {
    const settings = matchesOf(read('lib/runtime/settings.ts'), /^ {2}(HOLDFAST_[A-Z_]+):/gm);
    expect(settings.length).toBeGreaterThan(8);
    expect(settings.filter((name) => !read('README.md').includes(`\`${name}\``))).toEqual([]);
  });
});
