/**
 * The rings: model <- format <- engine <- service <- functions; ports use model only; adapters
 * implement ports; runtime wires. errors.ts imports nothing. See ARCHITECTURE.md, "The layer rule".
 */
const only = (name, from, allowed, comment) => ({
  name,
  comment,
  severity: 'error',
  from: { path: from },
  to: { pathNot: allowed },
});

export default {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    only(
      'errors-import-nothing',
      '^lib/errors\\.ts$',
      '^$',
      'the error table is the bottom of everything',
    ),
    only(
      'model',
      '^lib/model/',
      '^(lib/model/|lib/errors\\.ts|(node:)?crypto$)',
      'nouns and rules are pure',
    ),
    only(
      'format',
      '^lib/format/',
      '^(lib/(format|model)/|lib/errors\\.ts|(node:)?(crypto|zlib)$)',
      'stored bytes are pure',
    ),
    only(
      'ports',
      '^lib/ports/',
      '^(lib/(ports|model)/|lib/errors\\.ts)',
      'ports name model types alone',
    ),
    only(
      'engine',
      '^lib/engine/',
      '^(lib/(engine|format|model|ports)/|lib/errors\\.ts|(node:)?(crypto|os|worker_threads|url)$)',
      'the data path knows neither AWS nor HTTP',
    ),
    only(
      'service',
      '^lib/service/',
      '^(lib/(service|engine|model|ports)/|lib/errors\\.ts|(node:)?crypto$)',
      'use cases see no bytes and no AWS',
    ),
    {
      name: 'adapters-implement-ports',
      severity: 'error',
      from: { path: '^lib/adapters/' },
      to: { path: '^(lib/(engine|service|format|api|runtime)|functions|local)/' },
    },
    only(
      'api',
      '^lib/api/',
      '^(lib/(api|model)/|lib/errors\\.ts|node_modules/(zod|zod-openapi)/)',
      'schemas and mappers at the border',
    ),
    only(
      'functions',
      '^functions/',
      '^(functions/|lib/(api|runtime|service)/)',
      'entry points: an event, one use case, its ports',
    ),
    {
      name: 'product-uses-no-local',
      severity: 'error',
      from: { path: '^(lib|functions)/' },
      to: { path: '^(local|tests|bench)/' },
    },
  ],
  options: {
    parser: 'swc',
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: { extensions: ['.ts', '.js'] },
    exclude: { path: '^(dist|\\.holdfast|\\.serverless)' },
  },
};
