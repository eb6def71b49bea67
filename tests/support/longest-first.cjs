const { statSync } = require('node:fs');

/** What takes long though its file is short, the longest first; the others follow by their size. */
const LONG = [
  'integration/kill.test',
  'integration/storm.test',
  'acceptance/capacity.test',
  'acceptance/policies.test',
  'integration/rebuild-catalog.test',
  'fault/catalog-faults.test',
  'property/collector-exploration.test',
  'fault/data-path.test',
  'property/dead-space.test',
  'property/catalog-rebuild.test',
  'property/collector-long-run.test',
];

/**
 * The order of test files, the same each time: so that no long one is left for the end, when there
 * is nothing that the other processors could do meanwhile.
 */
module.exports = class LongestFirst {
  sort(tests) {
    const rank = ({ path }) => {
      const place = LONG.findIndex((name) => path.includes(name));
      return place === -1 ? statSync(path).size : Number.MAX_SAFE_INTEGER - place;
    };
    const ranks = new Map(tests.map((test) => [test, rank(test)]));
    return tests.toSorted((a, b) => ranks.get(b) - ranks.get(a));
  }

  shard(tests, { shardIndex, shardCount }) {
    return tests.filter((_, n) => n % shardCount === shardIndex - 1);
  }

  allFailedTests(tests) {
    return tests;
  }

  cacheResults() {}
};
