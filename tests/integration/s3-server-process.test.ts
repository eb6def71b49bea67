import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { someBytes } from '../support/some-stored.ts';
import { peakMemoryBytes, spawnServer } from './s3-server-process.ts';
import { clientOf } from './s3-server-requests.ts';

const Bucket = 'bucket';
/** Of a round, before the server is killed. */
const PUTS_MIN = 12;
const MEMORY_BYTES_MAX = 250 * 2 ** 20;

let dir: string;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-s3-'));
});
afterEach(() => rm(dir, { recursive: true, maxRetries: 5 }));

describe('the S3 server as a process', () => {
  it('answers, and ends in order when asked', async () => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      const server = await spawnServer(dir);
      expect((await fetch(server.url)).status).toBe(403);
      server.child.kill(signal);
      expect(await server.ended).toMatchObject({ code: 0, complaints: '' });
    }
  });

  it('ends with its parent, as it was told', async () => {
    const server = await spawnServer(dir);
    server.child.stdin?.end();
    expect(await server.ended).toMatchObject({ code: 0, complaints: '' });
  });

  it('says in a line why it does not start', async () => {
    const file = join(dir, 'file');
    await writeFile(file, '');
    const running = await spawnServer(join(dir, 'running'));
    const { port } = new URL(running.url);
    const refusals: [string, string[], RegExp][] = [
      [dir, ['--port', 'http'], /--port http is no port/],
      [dir, ['--port', '65536'], /--port 65536 is no port/],
      [dir, ['--port', port], new RegExp(`Port ${port} of 127\\.0\\.0\\.1 is taken`)],
      [join(file, 'below'), [], /file\/below cannot be used \(ENOTDIR\)/],
      [join(dir, 'running'), [], /does another one run on it\?/],
      ['', [], /--dir, .* must be set/],
      [dir, ['--colour', 'red'], /Unknown option '--colour'/],
    ];
    for (const [folder, args, reason] of refusals) {
      const refusal = await spawnServer(folder, ...args).catch(String);
      expect(refusal).toMatch(reason);
      expect(refusal).toMatch(/^Error: The S3 server did not start: [^\n]+\n$/);
    }
    running.child.kill();
    await running.ended;
  });
});

describe('a server that is killed', () => {
  const bytesOf = (key: string, version: number): Uint8Array => {
    const seed = `${key} ${version}`;
    return someBytes(seed, createHash('sha256').update(seed).digest().readUInt16BE() * 12);
  };

  /** Per key: the last version that was acknowledged, and the last one that was sent. */
  type Written = Map<string, { acknowledged: number; sent: number }>;

  const writeUntilKilled = async (
    client: S3Client,
    writer: number,
    written: Written,
    onPut: () => void,
  ) => {
    for (let n = 0; ; n++) {
      const key = `${writer}/${n % 4}`;
      const state = written.get(key) ?? { acknowledged: 0, sent: 0 };
      written.set(key, state);
      state.sent++;
      const Body = bytesOf(key, state.sent);
      try {
        await client.send(new PutObjectCommand({ Bucket, Key: key, Body }));
      } catch {
        return;
      }
      state.acknowledged = state.sent;
      onPut();
    }
  };

  const expectWhole = async (client: S3Client, written: Written) => {
    const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket }));
    const found = new Map<string, Buffer>();
    for (const { Key = '', Size } of Contents) {
      const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
      const bytes = Buffer.from((await Body?.transformToByteArray()) ?? []);
      expect(bytes.length).toBe(Size);
      found.set(Key, bytes);
    }
    for (const [key, state] of written) {
      const bytes = found.get(key);
      const allowed = [state.acknowledged, state.sent].filter((version) => version > 0);
      if (bytes === undefined) expect(state.acknowledged).toBe(0);
      else expect(allowed.some((version) => bytes.equals(bytesOf(key, version)))).toBe(true);
      // What survived is what the next round starts from.
      const survived = allowed.find((version) => bytes?.equals(bytesOf(key, version))) ?? 0;
      written.set(key, { acknowledged: survived, sent: Math.max(survived, state.sent) });
    }
    return found.size;
  };

  it('has every acknowledged object whole, and nothing else', async () => {
    const written: Written = new Map();
    for (let round = 0; round < 6; round++) {
      const server = await spawnServer(dir);
      const client = clientOf(server.url);
      if (round === 0) await client.send(new CreateBucketCommand({ Bucket }));
      else {
        const count = await expectWhole(client, written);
        const files = await readdir(join(dir, 'objects'), { recursive: true });
        expect(files.filter((name) => name.length > 2)).toHaveLength(count);
      }
      const done = { puts: 0 };
      const onPut = () => done.puts++;
      const writers = [0, 1, 2, 3].map((writer) =>
        writeUntilKilled(client, writer, written, onPut),
      );
      while (done.puts < PUTS_MIN && server.child.exitCode === null) await sleep(5);
      await sleep((round * 37) % 100);
      server.child.kill('SIGKILL');
      expect(await server.ended).toMatchObject({ signal: 'SIGKILL', complaints: '' });
      await Promise.all(writers);
      client.destroy();
    }
    const acknowledged = [...written.values()].map((state) => state.acknowledged);
    expect(Math.max(...acknowledged)).toBeGreaterThan(3);
  }, 90_000);
});

describe('the memory of a server', () => {
  it('stays flat while 1 GiB goes in and out', async () => {
    const server = await spawnServer(dir);
    const client = clientOf(server.url);
    await client.send(new CreateBucketCommand({ Bucket }));
    const Body = Buffer.alloc(64 * 2 ** 20, 'some bytes');
    const carry = async (Key: string) => {
      for (let n = 0; n < 4; n++) {
        await client.send(new PutObjectCommand({ Bucket, Key, Body }));
        const { Body: read } = await client.send(new GetObjectCommand({ Bucket, Key }));
        let sizeBytes = 0;
        const sink = new Writable({
          write: (part: Buffer, _encoding, done) => {
            sizeBytes += part.length;
            done();
          },
        });
        await pipeline(read as NodeJS.ReadableStream, sink);
        expect(sizeBytes).toBe(Body.length);
      }
    };
    await Promise.all(['a', 'b', 'c', 'd'].map(carry));
    expect(await peakMemoryBytes(server)).toBeLessThan(MEMORY_BYTES_MAX);
    client.destroy();
    server.child.kill();
    await server.ended;
  }, 180_000);
});
