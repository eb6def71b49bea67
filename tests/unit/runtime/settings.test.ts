import { describe, expect, it } from '@jest/globals';
import { readSettings } from '../../../lib/runtime/settings.ts';

const read = (more: Record<string, string>) =>
  readSettings({
    HOLDFAST_BUCKET: 'bucket',
    HOLDFAST_CATALOG_TABLE: 'catalog',
    HOLDFAST_BLOCKS_TABLE: 'blocks',
    HOLDFAST_FUNCTIONS: 'f',
    HOLDFAST_DISKS: 'none',
    HOLDFAST_KEYS: 'kms:k',
    HOLDFAST_REGION: 'r',
    HOLDFAST_ZONE: 'z',
    ...more,
  });

describe('a clock that somebody moves', () => {
  it('is for local mode alone', () => {
    const moved = { HOLDFAST_CLOCK: 'file:/tmp/clock' };
    expect(read({ ...moved, IS_OFFLINE: 'true' }).HOLDFAST_CLOCK).toBe('file:/tmp/clock');
    expect(() => read(moved)).toThrow('HOLDFAST_CLOCK');
  });

  it('is none unless it is asked for, and nothing else', () => {
    expect(read({}).HOLDFAST_CLOCK).toBe('system');
    expect(() => read({ HOLDFAST_CLOCK: 'ntp', IS_OFFLINE: 'true' })).toThrow('HOLDFAST_CLOCK');
  });
});
