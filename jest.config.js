/** ESM mode; TypeScript is stripped by Node itself, so line numbers stay those of the source. */
export default {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  testSequencer: '<rootDir>/tests/support/longest-first.cjs',
  transform: { '^.+\\.ts$': '<rootDir>/tests/support/strip-types.cjs' },
  testMatch: ['<rootDir>/tests/**/*.test.ts'],
  modulePathIgnorePatterns: ['<rootDir>/dist', '<rootDir>/.holdfast', '<rootDir>/.serverless'],
  // Every processor: the tests wait for one another only where they are run in band.
  maxWorkers: '100%',
  // For machines that do other things too; on an idle one no test takes a tenth of it.
  testTimeout: 120_000,
};
