import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

/** What a reader relies on and no other tool checks (STYLE.md). */

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const OWN = 'tests/unit/tidy.test.ts';

/** Files that are tracked or about to be. */
const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .split('\n')
  .filter((path) => path !== '' && path !== 'package-lock.json');

const textOf = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const existing = files.filter((path) => {
  try {
    return !textOf(path).includes('\0');
  } catch {
    return false; // Deleted and not committed yet.
  }
});
const sources = existing.filter((path) => /\.(ts|js|cjs)$/.test(path));
const core = sources.filter((path) => /^lib\/(model|format|ports|engine|service|api)\//.test(path));

/** `path:line: text` of the lines that match. */
const linesLike = (paths: string[], pattern: RegExp): string[] =>
  paths.flatMap((path) =>
    textOf(path)
      .split('\n')
      .flatMap((line, at) => (pattern.test(line) ? [`${path}:${at + 1}: ${line.trim()}`] : [])),
  );

describe('files', () => {
  it('are seen by this test', () => {
    expect(core.length).toBeGreaterThan(80);
    expect(linesLike([OWN], /are seen by this test/)).toHaveLength(2);
  });

  it('have at most 400 lines, the one table of failures apart', () => {
    const long = sources.filter((path) => textOf(path).trimEnd().split('\n').length > 400);
    expect(long.filter((path) => path !== 'lib/errors.ts')).toEqual([]);
  });

  it('have lines of at most 100 characters, but for a text that cannot be broken', () => {
    const long = /^(?=.{101})(\s*(\/\*|\*|\/\/)|[^'"`/]*$)/u;
    expect(linesLike(sources, long)).toEqual([]);
  });

  it('are named in kebab-case, for what they are', () => {
    const odd = sources.filter((path) => {
      const name = basename(path).replace(/(\.(test|suite|config))?\.\w+$/, '');
      return !/^\.?[a-z0-9]+(-[a-z0-9]+)*$/.test(name);
    });
    expect(odd).toEqual([]);
    const vague = sources.filter((path) =>
      /(^|[/-])(utils?|helpers?|common|misc)\b|\/index\./.test(path),
    );
    expect(vague).toEqual([]);
  });

  it('leave nothing for later', () => {
    const rest = sources.filter((path) => path !== OWN);
    expect(linesLike(rest, /\b(TODO|FIXME|XXX|HACK)\b/)).toEqual([]);
    expect(
      linesLike(rest, /\b(it|test|describe)\.(only|skip|failing)\b|\bx(it|describe)\(/),
    ).toEqual([]);
    expect(
      linesLike(rest, /@ts-(ignore|nocheck|expect-error)|(oxlint-disable|biome-ignore)(?!.* -- )/),
    ).toEqual([]);
  });

  it('name no manager, and export nothing without a name', () => {
    expect(linesLike(sources, /\b(class|interface|type) \w*(Manager|Helper|Utils?)\b/)).toEqual([]);
    const configured = ['local/plugin.ts', 'jest.config.js', '.dependency-cruiser.js'];
    const rest = sources.filter((path) => !configured.includes(path) && path !== OWN);
    expect(linesLike(rest, /^export default\b|\bas default\b/)).toEqual([]);
  });

  it('know no machine but the one they run on', () => {
    const own = existing.filter((path) => path !== OWN);
    const paths = /(^|[\s'"`(=])\/(root|home|Users|work|mnt|opt)\/[\w.-]+/;
    expect(linesLike(own, paths)).toEqual([]);
    expect(linesLike(own, /https?:\/\/[\w.-]*(registry|artifactory|nexus|verdaccio)\b/)).toEqual(
      [],
    );
    expect(linesLike(['.npmrc'], /registry\s*=/)).toEqual([]);
  });

  it('leave the registry of the packages to whoever installs them', () => {
    const lock = JSON.parse(textOf('package-lock.json')) as {
      packages: Record<string, { resolved?: string }>;
    };
    const resolved = Object.values(lock.packages).flatMap((one) => one.resolved ?? []);
    expect(resolved).toEqual([]);
  });
});

describe('the rings from model to service', () => {
  it('ask ports for time, ids and chance', () => {
    const ambient =
      /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\brandom(UUID|Bytes|Int)\b|\bperformance\./;
    expect(linesLike(core, ambient)).toEqual([]);
  });

  it('read no environment, print nothing, and start no timers', () => {
    const world = /\bprocess\.|\bconsole\.|\bset(Timeout|Interval|Immediate)\(/;
    expect(linesLike(core, world)).toEqual([]);
  });
});

describe('ports', () => {
  /** Ports that hand out facts of the machine: nothing to promise beyond their types. */
  const PLAIN = ['clock', 'ids', 'probe'];
  /** `start` is all that it has; the durable engine's tests hold it to its promise. */
  const ELSEWHERE = ['jobs'];
  /** Parts of the catalog, promised by its suite. */
  const IN_CATALOG = ['policy-catalog', 'usage-ledger'];

  it('have a conformance suite each, run against two adapters at least', () => {
    const ports = existing.flatMap((path) => /^lib\/ports\/(.+)\.ts$/.exec(path)?.[1] ?? []);
    const exempt = [...PLAIN, ...ELSEWHERE, ...IN_CATALOG];
    const promising = ports.filter((port) => !exempt.includes(port));
    expect(promising.length).toBeGreaterThan(4);
    for (const port of promising) {
      expect(existing).toContain(`tests/conformance/${port}.suite.ts`);
      const test = textOf(`tests/conformance/${port}.test.ts`);
      const name = port.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
      const runs = test.match(new RegExp(`\\b${name}Suite\\(`, 'g')) ?? [];
      // That runs it in memory and on the emulator.
      const isEverywhere = test.includes(`onEveryCatalog(${name}Suite)`);
      expect([port, isEverywhere || runs.length >= 2]).toEqual([port, true]);
    }
  });
});
