import { inlinePool } from '../../lib/engine/pool/block-pool.ts';
import type { Collection, Job, JobKind } from '../../lib/ports/jobs.ts';
import { type AuditReport, auditVault } from '../../lib/service/audit-vault.ts';
import { collectVault } from '../../lib/service/collect-vault.ts';
import { copyDiskRange } from '../../lib/service/copy-disk-range.ts';
import type { DataPorts, RangeRequest } from '../../lib/service/data-ports.ts';
import type { JobContext, JobEvent } from '../../lib/service/job-context.ts';
import { meterUsage } from '../../lib/service/meter-usage.ts';
import { restoreDiskRange } from '../../lib/service/restore-disk-range.ts';
import { runBackupJob } from '../../lib/service/run-backup-job.ts';
import { runCollectJob } from '../../lib/service/run-collect-job.ts';
import { runMoveJob } from '../../lib/service/run-move-job.ts';
import { runPolicies } from '../../lib/service/run-policies.ts';
import { runRestoreJob } from '../../lib/service/run-restore-job.ts';
import { runVerifyJob } from '../../lib/service/run-verify-job.ts';
import { startAudits } from '../../lib/service/start-audits.ts';
import { startCollections } from '../../lib/service/start-collections.ts';
import { sweepRetention } from '../../lib/service/sweep-retention.ts';
import { verifyDiskRange } from '../../lib/service/verify-disk-range.ts';
import { watchJobs } from '../../lib/service/watch-jobs.ts';
import { functionOf, httpEvent, PROJECT, send } from '../support/api.ts';
import type { TestDynamo } from '../support/dynamo.ts';
import { memoryWorld } from '../support/memory-world.ts';
import { admitKey, signedEvent } from '../support/signed-event.ts';
import type { Wish } from './permissions.ts';
import { lambdaArn, recordDynamo, recordedPorts } from './recording.ts';

const LEASE_MS = 60_000;

const JOBS = {
  backup: runBackupJob,
  restore: runRestoreJob,
  verify: runVerifyJob,
  move: runMoveJob,
};
const WORKERS = {
  'copy-blocks': copyDiskRange,
  'restore-blocks': restoreDiskRange,
  'verify-blocks': verifyDiskRange,
  'collect-vault': collectVault,
} as unknown as Record<
  string,
  (request: RangeRequest, deadlineMs: number, ports: DataPorts) => Promise<unknown>
>;

/**
 * All functions in this process, one after the other, on DynamoDB's protocol and on memory: what
 * each would need of IAM is in `wishes`, with the function's key.
 */
export const recordedWorld = async (dynamo: TestDynamo) => {
  const wishes: [string, Wish][] = [];
  const memory = memoryWorld();
  const { objects, portsOf } = recordedPorts(dynamo);
  const waiting: Job[] = [];
  const collections: Collection[] = [];
  let running = '';

  const noteAs = (key: string) => (wish: Wish) => {
    if (key !== '') wishes.push([key, wish]);
  };
  recordDynamo(dynamo, () => noteAs(running));

  type Ports = DataPorts & ReturnType<typeof memoryWorld>;
  const portsAs = (key: string): Ports => {
    const garbage = { windowMs: 0, sessionsKeptMs: 0 };
    const data = { leaseMs: LEASE_MS, rangeSegments: 1, workers: 1, marginMs: 0, garbage };
    // A sweep two days later finds tasks to remove.
    const settings = { ...memory.settings, ...data, taskKeptMs: 86_400_000 };
    const recorded = portsOf(
      noteAs(key),
      (job) => waiting.push(job),
      (one) => collections.push(one),
    );
    return { ...memory, ...recorded, pool: inlinePool(), settings } as unknown as Ports;
  };

  /** Runs in the name of a function. */
  const as = async <T>(key: string, run: (ports: Ports) => Promise<T>): Promise<T> => {
    const before = running;
    running = key;
    try {
      return await run(portsAs(key));
    } finally {
      running = before;
    }
  };

  const runJob = (kind: JobKind, event: JobEvent): Promise<unknown> =>
    as(kind, (ports) => JOBS[kind](event, contextOf(kind), ports));

  const contextOf = (kind: JobKind | 'collect-garbage'): JobContext => ({
    step: (_, run) => run(),
    waitUntil: async (_, check) => {
      await check();
    },
    work: async (_, worker, request) => {
      noteAs(kind)({ action: 'lambda:InvokeFunction', resource: lambdaArn(worker) });
      const run = WORKERS[worker] as NonNullable<(typeof WORKERS)[string]>;
      const deadlineMs = Number.MAX_SAFE_INTEGER;
      return as(worker, (ports) => run(request as RangeRequest, deadlineMs, ports)) as never;
    },
    slice: (_, target, event) => runJob(target, event as JobEvent) as never,
    map: async (_, items, _concurrency, each) => {
      const answers = [];
      for (const item of items) answers.push(await each(item, contextOf(kind)));
      return answers;
    },
  });

  const key = await as('', (ports) => admitKey(ports, PROJECT));

  return {
    wishes,
    objects,
    memory,
    as,
    /** Calls the API, signed; `status` is what must come back. */
    async call(status: number, method: string, path: string, body?: unknown): Promise<unknown> {
      const plain = httpEvent(method, `/v3/${PROJECT}${path}`, { body });
      memory.clock.advance(1000); // No two requests that change something are alike.
      const event = signedEvent(plain, key, memory.clock.nowMs());
      const answer = await as(`api-${functionOf(event)}`, (ports) => send(event, ports));
      if (answer.status !== status) throw new Error(JSON.stringify([method, path, answer]));
      return answer.body;
    },
    /** Gets a token for the access key, by a signature and then by its secret. */
    async getToken(): Promise<void> {
      const pair = { access: { key: key.accessKeyId }, secret: { key: key.secret } };
      for (const hw_ak_sk of [undefined, pair]) {
        const body = { auth: { identity: { methods: ['hw_ak_sk'], hw_ak_sk } } };
        const event = httpEvent('POST', '/v3/auth/tokens', { body });
        const sent = signedEvent(event, key, memory.clock.nowMs());
        const answer = await as('api-tokens', (ports) => send(sent, ports));
        if (answer.status !== 201) throw new Error(JSON.stringify(answer));
      }
    },
    /** Runs the job that was started first; returns its task's status. */
    async runNextJob(): Promise<string> {
      const { kind, projectId, operationLogId, name } = waiting.shift() as Job;
      await runJob(kind, { projectId, operationLogId, attempt: attemptOf(name) });
      const task = await as('', ({ catalog }) => catalog.tasks.get(projectId, operationLogId));
      return task.status;
    },
    /** Loses the job that was started first: its call never arrives. */
    dropNextJob(): void {
      waiting.shift();
    },
    /** Runs the job that was started first up to its first worker, and no further. */
    async crashNextJob(): Promise<void> {
      const { kind, projectId, operationLogId, name } = waiting.shift() as Job;
      const event = { projectId, operationLogId, attempt: attemptOf(name) };
      const died = new Error('the sandbox died');
      let isDead = false;
      const context: JobContext = {
        ...contextOf(kind),
        step: (_, run) => (isDead ? Promise.reject(died) : run()),
        map: async () => {
          isDead = true;
          throw died;
        },
      };
      await as(kind, (ports) => JOBS[kind](event, context, ports)).catch((error: unknown) => {
        if (error !== died) throw error;
      });
    },
    /** What has come due within a day. */
    runPolicies() {
      memory.clock.advance(86_400_000);
      return as('run-policies', (ports) => runPolicies(ports));
    },
    /** A policy whose deletion stopped half-way: it is still applied. */
    losePolicy(id: string) {
      return as('', ({ catalog }) => catalog.policies.delete(PROJECT, id));
    },
    /** The schedule of collections, and all of them that are waiting. */
    async collect(): Promise<void> {
      memory.clock.advance(LEASE_MS + 1);
      await as('start-collections', (ports) => startCollections(ports));
      for (const { projectId, vaultId } of collections.splice(0))
        await as('collect-garbage', () =>
          runCollectJob({ projectId, vaultId }, contextOf('collect-garbage')),
        );
    },
    /** The nightly audit of a vault. */
    async audit(vaultId: string): Promise<AuditReport> {
      await as('start-audits', (ports) => startAudits(ports));
      const vault = { projectId: PROJECT, vaultId };
      return as('audit-vault', (ports) => auditVault(vault, Number.MAX_SAFE_INTEGER, ports));
    },
    /** The watchdog, after every lease has run out. */
    watch() {
      memory.clock.advance(LEASE_MS + 1);
      return as('watch-jobs', (ports) => watchJobs(ports));
    },
    /** The hourly look at what vaults hold, when so much time has gone by. */
    meter(ms: number) {
      memory.clock.advance(ms);
      return as('meter-usage', meterUsage);
    },
    /** The sweep of retention. */
    sweep: () => as('retention-sweep', sweepRetention),
  };
};

const attemptOf = (name: string): number => Number(/-r(\d+)$/.exec(name)?.[1] ?? 0);
