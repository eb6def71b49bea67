import { expect } from '@jest/globals';
import type { Context } from 'aws-lambda';
import { createHandler as backups } from '../../functions/api/backups.ts';
import { createHandler as checkpoints } from '../../functions/api/checkpoints.ts';
import { createHandler as disks } from '../../functions/api/disks.ts';
import { createHandler as features } from '../../functions/api/features.ts';
import { createHandler as notFound } from '../../functions/api/not-found.ts';
import { createHandler as operationLogs } from '../../functions/api/operation-logs.ts';
import { createHandler as policies } from '../../functions/api/policies.ts';
import { createHandler as protectables } from '../../functions/api/protectables.ts';
import { createHandler as tokens } from '../../functions/api/tokens.ts';
import { createHandler as vaults } from '../../functions/api/vaults.ts';
import { createHandler as versions } from '../../functions/api/versions.ts';
import { checkpointResponse } from '../../lib/api/checkpoint-schemas.ts';
import { vaultResponse } from '../../lib/api/vault-schemas.ts';
import { NO_STATS } from '../../lib/model/session.ts';
import type { HttpHandler } from '../../lib/runtime/http-function.ts';
import {
  bodyOf,
  type HttpEvent,
  methodOf,
  pathOf,
} from '../../lib/runtime/http-function-request.ts';
import type { ApiPorts } from '../../lib/service/api-ports.ts';
import { type MemoryWorld, memoryWorld } from './memory-world.ts';
import { faultOfAnswer, faultOfRequest, operationOf } from './openapi.ts';

/** Every function of the API, by the name of its file. */
export const API_FUNCTIONS = {
  backups,
  checkpoints,
  disks,
  features,
  'not-found': notFound,
  'operation-logs': operationLogs,
  policies,
  protectables,
  tokens,
  vaults,
  versions,
};
export type ApiFunction = keyof typeof API_FUNCTIONS;

export const PROJECT = 'a1b2c3d4e5f60718293a4b5c6d7e8f90';

/** What an answer is in a test: its body is parsed, and undefined when it has none. */
export interface Answer {
  status: number;
  headers: Record<string, unknown>;
  body: unknown;
}

/** An event as an HTTP API sends it (payload version 2.0). */
export function httpEvent(
  method: string,
  target: string,
  { token, body }: { token?: string | undefined; body?: unknown } = {},
): HttpEvent {
  const [rawPath = '', rawQueryString = ''] = target.split('?');
  return {
    version: '2.0',
    routeKey: '$default',
    rawPath,
    rawQueryString,
    headers: token === undefined ? {} : { 'X-Auth-Token': token },
    requestContext: { http: { method } } as NonNullable<HttpEvent['requestContext']>,
    isBase64Encoded: false,
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  };
}

/** The function that a gateway would ask: each has the paths of its noun. */
const FUNCTION_OF_SEGMENT: Record<string, ApiFunction> = {
  vaults: 'vaults',
  vault: 'vaults',
  storage_usage: 'vaults',
  'cost-report': 'vaults',
  checkpoints: 'checkpoints',
  backups: 'backups',
  'operation-logs': 'operation-logs',
  policies: 'policies',
  protectables: 'protectables',
  'cbr-features': 'features',
  'replication-capabilities': 'features',
  cloudvolumes: 'disks',
};

export function functionOf(event: HttpEvent): ApiFunction {
  const path = event.rawPath ?? '';
  if (path === '/' || path === '/v3') return 'versions';
  if (/^\/v3\/(auth\/tokens|region-projects|domain\/.*)$/.test(path)) return 'tokens';
  const segment = path.split('/')[3] ?? '';
  const known = Object.hasOwn(FUNCTION_OF_SEGMENT, segment) && FUNCTION_OF_SEGMENT[segment];
  return known || 'not-found';
}

/** Sends an event through the real handler and checks the form of the answer. */
export async function send(event: HttpEvent, ports: ApiPorts): Promise<Answer> {
  const handler: HttpHandler = API_FUNCTIONS[functionOf(event)](() => ports);
  const { statusCode = 0, headers = {}, body } = await handler(event, {} as Context);
  const answer = { status: statusCode, headers, body: body === undefined ? body : parse(body) };
  expect(headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/);
  expectDocumented(event, answer);
  return answer;
}

const parse = (body: string): unknown => JSON.parse(body);

/**
 * Every answer is one that docs/openapi.yaml describes, with nothing that it does not; so is the
 * body of a request that is granted. Where there is no operation, there is nothing.
 */
function expectDocumented(event: HttpEvent, answer: Answer): void {
  const [method, path] = [methodOf(event), pathOf(event)];
  const operation = operationOf(method, path);
  if (!operation) {
    expect(answer).toMatchObject({ status: 404, body: refusal('Holdfast.NotFound') });
    return;
  }
  const isGranted = answer.status < 400 && operation.requestBody !== undefined;
  const faults = {
    answer: faultOfAnswer(operation, answer),
    request: isGranted ? faultOfRequest(operation, bodyOf(event)) : null,
  };
  expect({ method, path, ...faults }).toEqual({ method, path, answer: null, request: null });
}

export type ApiWorld = Awaited<ReturnType<typeof apiWorld>>;

/** The world behind the API, with a caller who may do everything. */
export async function apiWorld() {
  const world: MemoryWorld = memoryWorld();
  const token = await world.admit(PROJECT);
  /** Calls a path within the caller's project. */
  const call = (method: string, target: string, body?: unknown, ports: ApiPorts = world) =>
    send(httpEvent(method, `/v3/${PROJECT}${target}`, { token, body }), ports);

  const addDisk = async (sizeBytes = 3 * 2 ** 30, name = 'disk') => {
    const id = world.ids.uuid();
    await world.disks.addDisk({ id, name, sizeBytes, availabilityZone: 'local-a' });
    return id;
  };
  const addVault = async (diskIds: string[] = [], more: object = {}) => {
    const answer = await call(
      'POST',
      '/vaults',
      vaultRequest({ resources: resources(diskIds), ...more }),
    );
    return vaultResponse.parse(answer.body).vault.id;
  };
  const addCheckpoint = async (vaultId: string, parameters: object = {}) => {
    const answer = await call('POST', '/checkpoints', {
      checkpoint: { vault_id: vaultId, parameters },
    });
    const checkpointId = checkpointResponse.parse(answer.body).checkpoint.id;
    const { backups } = await world.catalog.backups.checkpoint(PROJECT, checkpointId);
    return { checkpointId, backupIds: backups.map((backup) => backup.backupId) };
  };
  /** A disk in a vault with one backup that has ended well. */
  const addBackup = async (sizeBytes?: number, vault: object = {}) => {
    const diskId = await addDisk(sizeBytes);
    const vaultId = await addVault([diskId], vault);
    const { checkpointId, backupIds } = await addCheckpoint(vaultId);
    const backupId = backupIds[0] as string;
    await finishBackup(world, backupId);
    return { diskId, vaultId, checkpointId, backupId };
  };
  return { ...world, token, call, addDisk, addVault, addCheckpoint, addBackup };
}

export const resources = (diskIds: string[]) =>
  diskIds.map((id) => ({ id, type: 'OS::Cinder::Volume' }));

/** The smallest request for a vault, changed. */
export const vaultRequest = ({
  billing,
  ...vault
}: {
  billing?: object;
  [field: string]: unknown;
} = {}) => ({
  vault: {
    name: 'vault-1',
    resources: [],
    ...vault,
    billing: {
      consistent_level: 'crash_consistent',
      object_type: 'disk',
      protect_type: 'backup',
      size: 100,
      ...billing,
    },
  },
});

/** What the job of a backup does to the catalog when all goes well. */
export async function finishBackup(
  world: MemoryWorld,
  backupId: string,
  {
    storedBytes = 1000,
    projectId = PROJECT,
    parentBackupId,
  }: { storedBytes?: number; projectId?: string; parentBackupId?: string } = {},
) {
  const { catalog, clock, ids } = world;
  const backup = await catalog.backups.get(projectId, backupId);
  const [atMs, vaultId, taskId] = [clock.nowMs(), backup.vaultId, backup.operationLogId];
  const { sizeBytes } = backup.disk;
  await catalog.tasks.start(projectId, taskId, { atMs, totalBytes: sizeBytes });
  await catalog.backups.setStatus(projectId, backupId, 'protecting', { atMs });
  const session = await catalog.sessions.open({
    vaultId,
    id: ids.uuid(),
    kind: 'write',
    backupId,
    operationLogId: taskId,
    quarantined: [],
    leaseUntilMs: atMs + 60_000,
    createdAtMs: atMs,
  });
  if (parentBackupId !== undefined)
    await catalog.sessions.pinParent(vaultId, session.id, parentBackupId);
  await catalog.sessions.commit({
    vaultId,
    sessionId: session.id,
    projectId,
    backupId,
    manifestSha256: '00'.repeat(32),
    stats: { ...NO_STATS, readBytes: sizeBytes, newBytes: sizeBytes, storedBytes },
    atMs,
  });
  await catalog.tasks.end(projectId, taskId, { status: 'success', atMs });
}

/** An error's body: the code, and a part of the text. */
export const refusal = (code: string, text = '') => ({
  error_code: code,
  error_msg: expect.stringContaining(text),
});
