import { describe, expect, it } from '@jest/globals';
import { explore } from '../support/collector-actors.ts';
import { DROPPED } from '../support/dropped-rules.ts';
import { follow } from '../support/interleaving.ts';

describe.each(Object.entries(DROPPED))('%s', (_, { script, drop }) => {
  it('without it data is lost', async () => {
    const { loss, unexpected } = await explore(follow(script), { drop });
    expect([loss, ...unexpected].filter((found) => found !== null)).not.toEqual([]);
  });

  it('with it the same order of events loses nothing', async () => {
    const { loss, unexpected, trace } = await explore(follow(script));
    expect({ loss, unexpected }).toEqual({ loss: null, unexpected: [] });
    for (const [actor] of script) expect(trace.join()).toContain(`${actor} `);
  });
});
