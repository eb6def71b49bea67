/**
 * What an audit finds wrong (docs/runbooks/audit.md):
 * - `backup-unreadable`: a manifest or segment of a backup is gone or differs;
 * - `pack-missing`: a backup names a pack that the catalog does not have, or no longer as a whole;
 * - `blocks-missing`: a backup names blocks that its pack has dropped;
 * - `object-missing`: the catalog has a pack that is not stored;
 * - `object-size`: a stored pack is larger or smaller than what was written;
 * - `key-missing`: the vault's key is in the catalog alone: S3 is not enough to recover from;
 * - `session-unknown`: what is stored was committed, and the catalog does not know;
 * - `used-bytes`, `backup-count`, `disk-count`: what callers are shown is not what there is.
 */
export type FindingKind =
  | 'backup-unreadable'
  | 'pack-missing'
  | 'blocks-missing'
  | 'object-missing'
  | 'object-size'
  | 'key-missing'
  | 'session-unknown'
  | 'used-bytes'
  | 'backup-count'
  | 'disk-count';

export interface Finding {
  kind: FindingKind;
  /** Of the backup, pack, session, disk or vault. */
  id: string;
  /** What is wrong with it. */
  text: string;
}
