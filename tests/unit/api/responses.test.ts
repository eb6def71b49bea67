import { describe, expect, it } from '@jest/globals';
import { operationLogJson } from '../../../lib/api/operation-log-response.ts';
import { timeText, timeTextOrNull, toGb, toMb } from '../../../lib/api/units.ts';
import { vaultJson } from '../../../lib/api/vault-response.ts';
import type { OperationLog } from '../../../lib/model/operation-log.ts';
import type { Binding, Vault } from '../../../lib/model/vault.ts';

describe('units', () => {
  it.each([
    [0, 0, 0],
    [1, 1, 1],
    [2 ** 20, 1, 1],
    [2 ** 20 + 1, 2, 1],
    [2 ** 30, 1024, 1],
    [2 ** 30 + 1, 1025, 2],
    [64 * 2 ** 40, 64 * 2 ** 20, 65_536],
  ])('%d bytes are %d MB and %d GB', (bytes, mb, gb) => {
    expect([toMb(bytes), toGb(bytes)]).toEqual([mb, gb]);
  });

  it('writes times with milliseconds and an offset', () => {
    expect(timeText(0)).toBe('1970-01-01T00:00:00.000+00:00');
    expect(timeText(Date.UTC(2026, 1, 1, 10, 0, 0, 7))).toBe('2026-02-01T10:00:00.007+00:00');
    expect([timeTextOrNull(0), timeTextOrNull(undefined)]).toEqual([timeText(0), null]);
  });
});

const task: OperationLog = {
  id: 't',
  projectId: 'p',
  type: 'restore',
  status: 'running',
  vaultId: 'v',
  vaultName: 'vault',
  backupId: 'b',
  backupName: 'backup',
  disk: { id: 'd', name: 'disk' },
  target: { diskId: 'd2', name: 'other', isNew: true },
  totalBytes: 200,
  cancelRequested: false,
  restarts: 0,
  requestId: 'r',
  createdAtMs: 0,
  updatedAtMs: 0,
};
const named = { backup_id: 'b', backup_name: 'backup' };

describe('operation log', () => {
  it.each([
    ['backup', { backup: named }],
    ['delete', { delete: named }],
    ['verify', { verify: { ...named, percent: 100 } }],
    ['restore', { restore: { ...named, target_resource_id: 'd2', target_resource_name: 'other' } }],
  ] as const)('has one block for the type %s', (type, block) => {
    expect(operationLogJson({ task: { ...task, type }, doneBytes: 101 }).extra_info).toEqual({
      common: { progress: 50, request_id: 'r', task_id: 't' },
      resource: { id: 'd', type: 'OS::Cinder::Volume', name: 'disk' },
      cancel_requested: false,
      ...block,
    });
  });

  it('reaches 100 only with success', () => {
    const progress = (status: OperationLog['status'], doneBytes: number) =>
      operationLogJson({ task: { ...task, status }, doneBytes }).extra_info.common.progress;
    expect(progress('running', 200)).toBe(99);
    expect(progress('failed', 200)).toBe(99);
    expect(progress('success', 0)).toBe(100);
  });

  it('names a restore point, or none', () => {
    expect(operationLogJson({ task, doneBytes: 0 }).checkpoint_id).toBeNull();
    const withPoint = { ...task, checkpointId: 'k' };
    expect(operationLogJson({ task: withPoint, doneBytes: 0 }).checkpoint_id).toBe('k');
  });
});

it('a vault says what its disks have and what its backups use', () => {
  const vault = { sizeGib: 10, bindRules: {}, tags: [], createdAtMs: 0 } as unknown as Vault;
  const binding = (diskId: string, sizeBytes: number, protectingTaskId?: string): Binding => ({
    projectId: 'p',
    vaultId: 'v',
    diskId,
    name: diskId,
    sizeBytes,
    createdAtMs: 0,
    ...(protectingTaskId === undefined ? {} : { protectingTaskId }),
  });
  const json = vaultJson({
    vault,
    usage: { usedBytes: 2 ** 20 + 1, backupCount: 3 },
    resources: [
      { binding: binding('a', 2 ** 30 + 1), backupCount: 3, backupBytes: 1 },
      { binding: binding('b', 2 ** 30 - 1, 't'), backupCount: 0, backupBytes: 0 },
    ],
  });
  // Sizes are added before they are rounded: 2 GB, not 3.
  expect(json.billing).toMatchObject({ used: 2, allocated: 2, size: 10 });
  expect(json.resources).toMatchObject([
    { id: 'a', size: 2, backup_count: 3, backup_size: 1, protect_status: 'available' },
    { id: 'b', size: 1, backup_count: 0, backup_size: 0, protect_status: 'protecting' },
  ]);
});
