import { expect, it } from '@jest/globals';
import { type GarbageFacts, planGarbage } from '../../../lib/engine/plan-garbage.ts';
import type { Session } from '../../../lib/model/session.ts';

const session = (id: string, startEpoch: number): Session => ({
  vaultId: 'v',
  id,
  kind: 'write',
  state: 'COMMITTED',
  startEpoch,
  backupId: 'b',
  operationLogId: 't',
  quarantined: [],
  leaseUntilMs: 0,
  createdAtMs: 0,
});

const facts = (change: Partial<GarbageFacts>): GarbageFacts => ({
  epoch: 9,
  m0: 5,
  nowMs: 1,
  objects: { packs: new Map(), sessions: new Map() },
  sessions: { open: [], ended: [] },
  mark: {
    live: new Map(),
    segments: new Set(),
    manifests: new Set(),
    hidden: [],
    unreadable: [],
  },
  packs: [],
  ...change,
});

it('segments that nobody names go once their session is older than all that run', () => {
  const own = (id: string) => ({
    hasManifest: false,
    isCommitted: false,
    objects: [{ key: id, sizeBytes: 1, random: 'r' }],
  });
  const ended = [session('old', 4), session('young', 5)];
  const sessions = new Map(ended.map(({ id }) => [id, own(id)]));
  const objects = { packs: new Map(), sessions };
  const { leftovers } = planGarbage(facts({ objects, sessions: { open: [], ended } }));
  expect(leftovers.map(({ key }) => key)).toEqual(['old']);
});
