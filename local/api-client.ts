/** An answer of the API that is not a success, with CBR's code. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, text: string) {
    super(`${text} (${code})`);
    this.status = status;
    this.code = code;
  }
}

export interface TaskView {
  id: string;
  status: string;
  progress: number;
  error: { code: string; message: string };
  /** What the task says about its result. */
  outcome: Record<string, unknown>;
}

const TIMEOUT_MS = 30_000;
const POLL_MS = { first: 50, most: 500 };

/** The CBR API as the commands and the demo use it: over HTTP, like anybody else. */
export class ApiClient {
  readonly #url: string;
  readonly #projectId: string;
  readonly #token: string;

  constructor(url: string, projectId: string, token: string) {
    this.#url = url;
    this.#projectId = projectId;
    this.#token = token;
  }

  /** One call; `path` follows `/v3/<project>/`. Throws `ApiError`. */
  async call<T>(method: string, path: string, body?: object): Promise<T> {
    const response = await fetch(`${this.#url}/v3/${this.#projectId}/${path}`, {
      method,
      headers: { 'X-Auth-Token': this.#token, 'Content-Type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await response.text();
    if (response.ok) return (text === '' ? {} : JSON.parse(text)) as T;
    const error = toError(text);
    throw new ApiError(
      response.status,
      error.error_code ?? `HTTP ${response.status}`,
      error.error_msg ?? text,
    );
  }

  async createVault(name: string, sizeGb: number): Promise<string> {
    const billing = {
      consistent_level: 'crash_consistent',
      object_type: 'disk',
      protect_type: 'backup',
      size: sizeGb,
    };
    const body = { vault: { name, billing, resources: [] } };
    return (await this.call<{ vault: { id: string } }>('POST', 'vaults', body)).vault.id;
  }

  async addDisk(vaultId: string, diskId: string): Promise<void> {
    const resources = [{ id: diskId, type: 'OS::Cinder::Volume' }];
    await this.call('POST', `vaults/${vaultId}/addresources`, { resources });
  }

  /** Starts a backup of one disk; returns the backup's id and the task's. */
  async startBackup(
    vaultId: string,
    diskId: string,
    name?: string,
  ): Promise<{ backupId: string; taskId: string }> {
    const parameters = {
      resource_details: [{ id: diskId, type: 'OS::Cinder::Volume' }],
      ...(name === undefined ? {} : { name }),
    };
    const { checkpoint } = await this.call<{ checkpoint: { id: string } }>('POST', 'checkpoints', {
      checkpoint: { vault_id: vaultId, parameters },
    });
    const { backups } = await this.call<{ backups: { id: string }[] }>(
      'GET',
      `backups?checkpoint_id=${checkpoint.id}`,
    );
    const backupId = backups[0]?.id;
    const { operation_logs: logs } = await this.call<{ operation_logs: RawTask[] }>(
      'GET',
      `operation-logs?operation_type=backup&resource_id=${diskId}`,
    );
    const taskId = logs.find((log) => log.checkpoint_id === checkpoint.id)?.id;
    if (backupId === undefined || taskId === undefined)
      throw new Error(`Checkpoint ${checkpoint.id} has no backup.`);
    return { backupId, taskId };
  }

  /** Starts the restore of a backup to a new disk. */
  async startNewDisk(backupId: string, name?: string): Promise<{ diskId: string; taskId: string }> {
    const volume = { backup_id: backupId, ...(name === undefined ? {} : { name }) };
    const answer = await this.call<{ job_id: string; volume_id: string }>('POST', 'cloudvolumes', {
      volume,
    });
    return { diskId: answer.volume_id, taskId: answer.job_id };
  }

  /** Starts the restore of a backup onto the disk it was made of. */
  async startRestore(backupId: string, diskId: string): Promise<string> {
    const body = { restore: { volume_id: diskId } };
    return (await this.call<{ job_id: string }>('POST', `backups/${backupId}/restore`, body))
      .job_id;
  }

  async startVerify(backupId: string, percent: number): Promise<string> {
    const body = { verify: { percent } };
    return (await this.call<{ job_id: string }>('POST', `backups/${backupId}/verify`, body)).job_id;
  }

  async task(id: string): Promise<TaskView> {
    const answer = await this.call<{ operation_log: RawTask }>('GET', `operation-logs/${id}`);
    const { status, error_info: error, extra_info: extra } = answer.operation_log;
    return { id, status, progress: extra.common.progress, error, outcome: extra.outcome ?? {} };
  }

  /** Polls a task until it has ended; throws what it failed with. */
  async waitFor(id: string, onProgress: (percent: number) => void = () => {}): Promise<TaskView> {
    const began = performance.now();
    for (;;) {
      const task = await this.task(id);
      onProgress(task.progress);
      if (task.status === 'success') return task;
      if (!['waiting', 'running'].includes(task.status)) {
        throw new ApiError(0, task.error.code, `Task ${id} ${task.status}: ${task.error.message}`);
      }
      // The longer it takes, the less it matters to know at once: asking costs the server time.
      const waitMs = Math.min(POLL_MS.first + (performance.now() - began) / 100, POLL_MS.most);
      await new Promise((next) => setTimeout(next, waitMs));
    }
  }
}

interface RawTask {
  id: string;
  status: string;
  checkpoint_id?: string;
  error_info: { code: string; message: string };
  extra_info: { common: { progress: number }; outcome?: Record<string, unknown> };
}

const toError = (text: string): { error_code?: string; error_msg?: string } => {
  try {
    return JSON.parse(text) as object;
  } catch {
    return {};
  }
};
