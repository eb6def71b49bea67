import { globSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { build } from 'esbuild';

/**
 * Bundles every function, and the pool's thread as an entry of its own, into `dist/`. Flat names:
 * `functions/api/vaults.ts` becomes `dist/api-vaults.mjs`.
 */
const entries = globSync('functions/**/*.ts').map((file) => ({
  in: file,
  out: file
    .replace(/^functions\//, '')
    .replace(/\.ts$/, '')
    .replaceAll('/', '-'),
}));

await rm('dist', { recursive: true, force: true });
await build({
  entryPoints: [...entries, { in: 'lib/engine/pool/worker.ts', out: 'pool-worker' }],
  outdir: 'dist',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  minify: true,
  keepNames: true,
  legalComments: 'none',
  // Some of the SDK's parts are CommonJS and ask for `require`.
  banner: {
    js: "import{createRequire as __cr}from'node:module';const require=__cr(import.meta.url);",
  },
});
