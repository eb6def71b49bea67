/**
 * Makes functions with `durableConfig` durable under `serverless offline`, and only there.
 *
 * It starts the durable engine before serverless-offline and points `AWS_ENDPOINT_URL_LAMBDA` at
 * it: serverless-offline hands every `AWS_*` variable on to the functions, so their Lambda clients
 * talk to the engine, and the engine calls the functions at serverless-offline's Lambda port.
 *
 *     plugins: [./local/plugin.ts, serverless-offline]
 *     custom:
 *       durable-offline: { port: 3003, dir: .holdfast/durable, concurrency: { copy-blocks: 1 } }
 */
import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { resolve } from 'node:path';
import * as z from 'zod';
import { HoldfastError } from '../lib/errors.ts';
import { DurableEngine } from './durable-engine/engine.ts';
import { httpFunctionHost, type LocalFunction } from './durable-engine/function-host.ts';
import { type ApiServer, listen } from './durable-engine/http-server.ts';

const port = z.coerce.number().int().min(1).max(65_535);
const settings = z.strictObject({
  port: port.default(3003),
  /** Where serverless-offline serves `Invoke`; by default its own `lambdaPort`. */
  lambdaPort: port.optional(),
  host: z.string().min(1).optional(),
  dir: z.string().min(1).default('.durable'),
  /** Instead of what `durableConfig` says. */
  retentionPeriodInDays: z.coerce.number().int().min(1).max(90).optional(),
  /** Function key -> invocations at a time. */
  concurrency: z.record(z.string(), z.coerce.number().int().min(1)).default({}),
});
/** What the engine needs of serverless-offline's own options; its defaults. */
const lambdaAddress = z.object({
  host: z.string().default('localhost'),
  lambdaPort: port.default(3002),
});
type Settings = z.infer<typeof settings>;

interface FunctionConfig {
  name: string;
  timeout?: number;
  maximumRetryAttempts?: number;
  durableConfig?: { executionTimeout?: number; retentionPeriodInDays?: number };
}

interface Serverless {
  serviceDir: string;
  service: {
    custom?: Record<string, Record<string, unknown> | undefined>;
    provider: { region?: string; timeout?: number };
    getAllFunctions(): string[];
    getFunction(key: string): FunctionConfig;
  };
}

interface Log {
  notice: (text: string) => void;
  error: (text: string) => void;
  warning: (text: string) => void;
}

const TIMEOUT_SECONDS = 6;
const EXECUTION_TIMEOUT_SECONDS = 86_400;
const RETENTION_DAYS = 14;
const RETRIES_MAX = 2;
const HOST_WAIT_MS = 120_000;
const HOST_POLL_MS = 50;

export default class DurableOffline {
  readonly hooks: Record<string, () => Promise<void>>;
  readonly #serverless: Serverless;
  readonly #cliOptions: Record<string, unknown>;
  readonly #log: Log;
  #stop: () => Promise<void> = async () => undefined;

  constructor(serverless: Serverless, cliOptions: Record<string, unknown>, { log }: { log: Log }) {
    this.#serverless = serverless;
    this.#cliOptions = cliOptions;
    this.#log = log;
    // `serverless offline` runs the first hook and ends with the process: what was acknowledged is
    // on the disk. `serverless offline start` runs the others.
    this.hooks = {
      'before:offline:start': () => this.#start(),
      'before:offline:start:init': () => this.#start(),
      'before:offline:start:end': () => this.#stop(),
    };
  }

  async #start(): Promise<void> {
    const config = this.#settings();
    const { host, lambdaPort } = this.#lambdaAddress(config);
    this.#setEnvironment(config);
    this.#surviveAsyncFailures();
    const warn = (text: string): void => this.#log.warning(`durable: ${text}`);
    const server = await listen(config.port, warn).catch((cause: Error) => {
      throw invalidSetting('custom.durable-offline.port', cause.message, cause);
    });
    const functionHost = httpFunctionHost(host, lambdaPort);
    const engine = await DurableEngine.open({
      folder: resolve(this.#serverless.serviceDir, config.dir),
      functions: this.#functions(config),
      host: functionHost,
      newId: randomUUID,
      warn,
      ...(this.#serverless.service.provider.region && {
        region: this.#serverless.service.provider.region,
      }),
    });
    const stopping = new AbortController();
    this.#stop = async () => {
      stopping.abort();
      await engine.close();
      await server.close();
      functionHost.close();
    };
    void this.#resume(engine, server, () => waitForPort(host, lambdaPort, stopping.signal));
  }

  /** serverless-offline starts after this hook: its functions can be called once it listens. */
  async #resume(
    engine: DurableEngine,
    server: ApiServer,
    functionsAreThere: () => Promise<boolean>,
  ): Promise<void> {
    if (!(await functionsAreThere())) {
      this.#log.error('durable: serverless-offline does not listen; no function can run');
      return;
    }
    server.serve(engine);
    const count = await engine.resume();
    this.#log.notice(
      `durable: Lambda endpoint http://127.0.0.1:${server.port}, ${count} executions resumed`,
    );
  }

  #settings(): Settings {
    const parsed = settings.safeParse(this.#serverless.service.custom?.['durable-offline'] ?? {});
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      const name = ['custom.durable-offline', ...(issue?.path ?? [])].join('.');
      throw invalidSetting(name, issue?.message ?? 'invalid');
    }
    const keys = new Set(this.#serverless.service.getAllFunctions());
    const unknown = Object.keys(parsed.data.concurrency).find((key) => !keys.has(key));
    if (unknown)
      throw invalidSetting(`custom.durable-offline.concurrency.${unknown}`, 'no function');
    return parsed.data;
  }

  #lambdaAddress(config: Settings): { host: string; lambdaPort: number } {
    const offline = lambdaAddress.parse({
      ...this.#serverless.service.custom?.['serverless-offline'],
      ...this.#cliOptions,
    });
    return {
      host: config.host ?? offline.host,
      lambdaPort: config.lambdaPort ?? offline.lambdaPort,
    };
  }

  #functions(config: Settings): LocalFunction[] {
    const { service } = this.#serverless;
    return service.getAllFunctions().map((key) => {
      const { name, timeout, maximumRetryAttempts, durableConfig } = service.getFunction(key);
      const concurrency = config.concurrency[key];
      const durable = durableConfig && {
        executionTimeoutSeconds: durableConfig.executionTimeout ?? EXECUTION_TIMEOUT_SECONDS,
        retentionDays:
          config.retentionPeriodInDays ?? durableConfig.retentionPeriodInDays ?? RETENTION_DAYS,
      };
      return {
        name,
        timeoutSeconds: timeout ?? service.provider.timeout ?? TIMEOUT_SECONDS,
        retriesMax: maximumRetryAttempts ?? RETRIES_MAX,
        ...(concurrency && { concurrency }),
        ...(durable && { durable }),
      };
    });
  }

  #setEnvironment(config: Settings): void {
    const { env } = process;
    env['AWS_ENDPOINT_URL_LAMBDA'] = `http://127.0.0.1:${config.port}`;
    env['AWS_ACCESS_KEY_ID'] ??= 'local';
    env['AWS_SECRET_ACCESS_KEY'] ??= 'local';
    env['AWS_REGION'] ??= this.#serverless.service.provider.region ?? 'us-east-1';
  }

  /**
   * serverless-offline does not await the handler of an `Event` invocation that reaches it
   * directly, so what it throws would end the whole process.
   */
  #surviveAsyncFailures(): void {
    process.on('unhandledRejection', (reason) => {
      const text = reason instanceof Error ? (reason.stack ?? reason.message) : String(reason);
      this.#log.error(`durable: an asynchronous invocation failed: ${text}`);
    });
  }
}

const invalidSetting = (name: string, reason: string, cause?: Error): HoldfastError =>
  new HoldfastError('config.invalid', { name, reason }, { cause });

/** True once somebody listens; false after two minutes. */
async function waitForPort(host: string, lambdaPort: number, stop: AbortSignal): Promise<boolean> {
  for (const endsAtMs = Date.now() + HOST_WAIT_MS; Date.now() < endsAtMs && !stop.aborted; ) {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const socket = connect({ host, port: lambdaPort }, () => resolve(true));
    socket.once('error', () => resolve(false));
    const listening = await promise;
    socket.destroy();
    if (listening) return !stop.aborted;
    await new Promise((next) => setTimeout(next, HOST_POLL_MS));
  }
  return false;
}
