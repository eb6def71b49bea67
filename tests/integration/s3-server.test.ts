import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, truncate, unlink, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startS3Server } from '../../local/s3-server/server.ts';
import { type RunningServer, startTestServer } from './s3-server-requests.ts';

const KEY = '/bucket/key';
const EXPECT = { expect: '100-continue' };
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

let dir: string;
let server: RunningServer;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-s3-'));
  server = await startTestServer(dir);
});
afterEach(async () => {
  await server.close();
  await rm(dir, { recursive: true });
});

const put = (body: string, headers: Record<string, string> = {}) =>
  server.ask({ method: 'PUT', path: KEY, body, headers });
const get = (headers: Record<string, string> = {}) => server.ask({ path: KEY, headers });
/** Paths of the files that hold the bytes of objects. */
const objectFiles = async (): Promise<string[]> => {
  const entries = await readdir(join(dir, 'objects'), {
    recursive: true,
    withFileTypes: true,
  });
  return entries.filter((entry) => entry.isFile()).map((e) => join(e.parentPath, e.name));
};
const restart = async (): Promise<void> => {
  await server.close();
  server = await startTestServer(dir);
};

describe('signatures', () => {
  it('are asked for, in an error document with a request id', async () => {
    const answer = await server.send({ path: KEY });
    expect(answer).toMatchObject({ status: 403, code: 'AccessDenied' });
    const id = answer.headers['x-amz-request-id'];
    expect(id).toMatch(/^[0-9A-F]{16}$/);
    expect(answer.text).toContain(`<RequestId>${String(id)}</RequestId>`);
    expect(answer.headers['content-type']).toBe('application/xml');
  });

  it('are those of a known key pair', async () => {
    const { headers = {} } = await server.sign({ path: KEY });
    const { authorization = '' } = headers;
    const unknown = { ...headers, authorization: authorization.replace('=test/', '=nobody/') };
    expect(await server.send({ path: KEY, headers: unknown })).toMatchObject({
      status: 403,
      code: 'InvalidAccessKeyId',
    });
    const forged = { ...headers, authorization: authorization.replace(/\w{9}$/, '000000000') };
    expect(await server.send({ path: KEY, headers: forged })).toMatchObject({
      status: 403,
      code: 'SignatureDoesNotMatch',
    });
  });

  it('are of now', async () => {
    const ask = { path: KEY };
    const old = await server.sign(ask, new Date(Date.now() - 16 * 60_000));
    expect(await server.send(old)).toMatchObject({ status: 403, code: 'RequestTimeTooSkewed' });
    const fresh = await server.sign(ask, new Date(Date.now() - 14 * 60_000));
    expect(await server.send(fresh)).toMatchObject({ status: 404, code: 'NoSuchKey' });
  });

  it('may be in the URL', async () => {
    const upload = await server.presign({ method: 'PUT', path: KEY, body: 'text' });
    expect(await server.send(upload)).toMatchObject({ status: 200 });
    const download = await server.presign({ path: KEY });
    expect(await server.send(download)).toMatchObject({ status: 200, text: 'text' });
    const elsewhere = { ...download, path: '/bucket/other' };
    expect(await server.send(elsewhere)).toMatchObject({ code: 'SignatureDoesNotMatch' });
    const old = await server.presign({ path: KEY }, new Date(Date.now() - 61_000));
    expect(await server.send(old)).toMatchObject({ status: 403, code: 'AccessDenied' });
  });

  it('cover the body', async () => {
    await put('before');
    const signed = await server.sign({ method: 'PUT', path: KEY, body: 'signed' });
    const changed = await server.send({ ...signed, body: 'change' });
    expect(changed).toMatchObject({ status: 400, code: 'XAmzContentSHA256Mismatch' });
    expect((await get()).text).toBe('before');
    const open = { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' };
    expect(await put('unsigned', open)).toMatchObject({ status: 200 });
    expect(await put('x', { 'x-amz-content-sha256': 'x' })).toMatchObject({
      code: 'InvalidArgument',
    });
  });
});

describe('what the server does not do is refused by its name', () => {
  it.each([
    ['POST', KEY, { uploads: '' }, {}, 'uploads'],
    ['PUT', KEY, { partNumber: '1', uploadId: 'x' }, {}, 'partNumber'],
    ['GET', KEY, { versionId: 'x' }, {}, 'versionId'],
    ['GET', KEY, { tagging: '' }, {}, 'tagging'],
    ['GET', KEY, { 'response-content-type': 'text/html' }, {}, 'response-content-type'],
    ['PUT', KEY, { acl: '' }, {}, 'acl'],
    ['PUT', KEY, { retention: '' }, {}, 'retention'],
    ['GET', '/bucket', { versioning: '' }, {}, 'versioning'],
    ['PUT', '/bucket', { 'object-lock': '' }, {}, 'object-lock'],
    ['GET', '/bucket', { lifecycle: '' }, {}, 'lifecycle'],
    ['GET', '/bucket', { versions: '' }, {}, 'versions'],
    ['GET', '/bucket', {}, {}, 'ListObjects'],
    ['GET', '/bucket', { 'list-type': '2', 'fetch-owner': 'true' }, {}, 'fetch-owner'],
    ['POST', '/bucket', {}, {}, 'POST'],
    ['PATCH', KEY, {}, {}, 'PATCH'],
    ['PUT', KEY, {}, { 'x-amz-acl': 'public-read' }, 'x-amz-acl'],
    ['PUT', KEY, {}, { 'x-amz-tagging': 'a=b' }, 'x-amz-tagging'],
    ['PUT', KEY, {}, { 'x-amz-object-lock-mode': 'GOVERNANCE' }, 'x-amz-object-lock-mode'],
    ['PUT', KEY, {}, { 'x-amz-checksum-sha1': 'x' }, 'x-amz-checksum-sha1'],
    ['PUT', KEY, {}, { 'x-amz-trailer': 'x-amz-checksum-crc32c' }, 'x-amz-checksum-crc32c'],
    ['PUT', KEY, {}, { 'x-amz-storage-class': 'DEEP_ARCHIVE' }, 'DEEP_ARCHIVE'],
    ['PUT', KEY, {}, { 'if-none-match': '"x"' }, 'If-None-Match'],
    ['DELETE', KEY, {}, { 'if-none-match': '*' }, 'If-None-Match'],
    ['GET', KEY, {}, { range: 'bytes=0-0,2-2' }, 'range'],
    ['GET', KEY, {}, { 'if-modified-since': 'x' }, 'if-modified-since'],
    ['PUT', KEY, {}, { 'x-amz-copy-source': 'bucket/key?versionId=1' }, 'versionId'],
  ])('%s %s %j %j', async (method, path, query, headers, name) => {
    await put('before');
    const answer = await server.ask({ method, path, query, headers, body: '' });
    expect(answer).toMatchObject({ status: 501, code: 'NotImplemented' });
    expect(answer.text).toContain(name);
    expect((await get()).text).toBe('before');
  });
});

describe('requests that cannot be right', () => {
  it.each([
    ['a malformed escape', { path: '/bucket/%zz' }, 400, 'InvalidURI'],
    ['a key that is too long', { path: `/bucket/${'k'.repeat(1025)}` }, 400, 'KeyTooLongError'],
    [
      'too much metadata',
      { method: 'PUT', path: KEY, body: '', headers: { 'x-amz-meta-a': 'x'.repeat(2048) } },
      400,
      'MetadataTooLarge',
    ],
    [
      'a body that is too large',
      { method: 'PUT', path: KEY, headers: { 'content-length': `${5 * 2 ** 30 + 1}`, ...EXPECT } },
      400,
      'EntityTooLarge',
    ],
    [
      'chunks of unknown length',
      {
        method: 'PUT',
        path: KEY,
        body: '0\r\n\r\n',
        headers: { 'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER' },
      },
      411,
      'MissingContentLength',
    ],
    [
      'chunks of another length',
      {
        method: 'PUT',
        path: KEY,
        body: '1\r\na\r\n0\r\n\r\n',
        headers: {
          'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
          'x-amz-decoded-content-length': '2',
        },
      },
      400,
      'IncompleteBody',
    ],
    [
      'a trailer that does not come',
      {
        method: 'PUT',
        path: KEY,
        body: '0\r\n\r\n',
        headers: {
          'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
          'x-amz-decoded-content-length': '0',
          'x-amz-trailer': 'x-amz-checksum-crc32',
        },
      },
      400,
      'MalformedTrailerError',
    ],
    [
      'a batch that is none',
      { method: 'POST', path: '/bucket', query: { delete: '' }, body: '<Delete><a/></Delete>' },
      400,
      'MalformedXML',
    ],
    [
      'a batch that is too large',
      {
        method: 'POST',
        path: '/bucket',
        query: { delete: '' },
        headers: { 'content-length': `${9 * 2 ** 20}`, ...EXPECT },
      },
      400,
      'EntityTooLarge',
    ],
    [
      'a copy of nothing',
      { method: 'PUT', path: KEY, headers: { 'x-amz-copy-source': 'bucket' } },
      400,
      'InvalidArgument',
    ],
  ])('%s', async (_what, ask, status, code) => {
    expect(await server.ask(ask)).toMatchObject({ status, code });
    expect(await objectFiles()).toEqual([]);
    expect(server.warnings).toEqual([]);
  });

  it('that are no HTTP get an error document too', async () => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1', () => {
      socket.write('nonsense\r\n\r\n');
    });
    let text = '';
    for await (const part of socket.setEncoding('utf8')) text += part;
    expect(text).toMatch(/^HTTP\/1\.1 400 [\s\S]*<Code>InvalidRequest<\/Code>/);
  });

  it('of HEAD get no body', async () => {
    const answer = await server.ask({ method: 'HEAD', path: KEY });
    expect(answer).toMatchObject({ status: 404, text: '' });
  });
});

describe('a refused body', () => {
  const large = 'x'.repeat(8 * 2 ** 20);

  it('leaves the connection usable', async () => {
    await put('before');
    for (let n = 0; n < 3; n++) {
      const answer = await put(large, { 'if-none-match': '*' });
      expect(answer).toMatchObject({ status: 412, code: 'PreconditionFailed' });
    }
    expect((await get()).text).toBe('before');
    expect(server.connections()).toBe(1);
  });

  it('is not sent by a client that asks first', async () => {
    await put('before');
    const refused = await put(large, { 'if-none-match': '*', ...EXPECT });
    expect(refused).toMatchObject({ status: 412, code: 'PreconditionFailed' });
    expect(await put('after', EXPECT)).toMatchObject({ status: 200 });
    expect((await get()).text).toBe('after');
  });

  it('that turns out wrong in its middle is answered all the same', async () => {
    const wrong = {
      'x-amz-content-sha256': 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
      'x-amz-decoded-content-length': String(large.length),
    };
    for (let n = 0; n < 3; n++) {
      const answer = await put(`1\r\n${large}`, wrong);
      expect(answer).toMatchObject({ status: 400, code: 'IncompleteBody' });
    }
    expect(server.connections()).toBe(1);
    expect(await objectFiles()).toEqual([]);
  });

  it('that breaks off leaves nothing', async () => {
    await put('before');
    const before = await objectFiles();
    const { headers = {} } = await server.sign({ method: 'PUT', path: KEY, body: large });
    const sent = request(server.url + KEY, {
      method: 'PUT',
      headers: { ...headers, 'content-length': large.length },
    });
    sent.on('error', () => {});
    sent.write(large.slice(0, 5 * 2 ** 20));
    await until(async () => (await objectFiles()).length === 2);
    sent.destroy();
    await until(async () => (await objectFiles()).length === 1);
    expect(await objectFiles()).toEqual(before);
    expect((await get()).text).toBe('before');
    expect(server.warnings).toEqual([]);
  });
});

describe('stored bytes', () => {
  it('that are gone or cut are never a short answer, nor absence', async () => {
    await put('some bytes');
    const [file = ''] = await objectFiles();
    for (const damage of [() => truncate(file, 4), () => unlink(file)]) {
      await damage();
      expect(await get()).toMatchObject({ status: 500, code: 'InternalError' });
      expect(await get({ range: 'bytes=0-1' })).toMatchObject({ status: 500 });
      expect(await server.ask({ method: 'HEAD', path: KEY })).toMatchObject({ status: 500 });
      expect(server.warnings.at(-1)).toContain('bucket/key');
    }
    expect(await put('again')).toMatchObject({ status: 200 });
    expect((await get()).text).toBe('again');
  });

  it('and what was said of them survive a restart', async () => {
    const said = { 'x-amz-checksum-sha256': Buffer.from(sha256('text'), 'hex').toString('base64') };
    const { headers } = await put('text', { ...said, 'x-amz-meta-a': 'b' });
    await restart();
    const found = await get({ 'x-amz-checksum-mode': 'ENABLED' });
    expect(found).toMatchObject({
      text: 'text',
      headers: { ...said, etag: headers.etag, 'x-amz-meta-a': 'b' },
    });
  });

  it('that nobody names are swept at the start', async () => {
    await put('named');
    const [named = ''] = await objectFiles();
    await writeFile(join(named, '../0123'), 'left by a crash');
    await writeFile(join(dir, 'objects/ff/ff45'), 'left by a crash');
    await restart();
    expect(await objectFiles()).toEqual([named]);
    expect((await get()).text).toBe('named');
  });

  it('go with their object', async () => {
    await put('one');
    await put('two');
    await server.ask({
      method: 'PUT',
      path: '/bucket/copy',
      headers: { 'x-amz-copy-source': KEY },
    });
    expect(await objectFiles()).toHaveLength(2);
    await server.ask({ method: 'DELETE', path: KEY });
    expect((await server.ask({ path: '/bucket/copy' })).text).toBe('two');
    await server.ask({ method: 'DELETE', path: '/bucket/copy' });
    expect(await objectFiles()).toEqual([]);
  });

  it('belong to one server at a time', async () => {
    const second = startS3Server({ dir, port: 0, credentials: {} });
    await expect(second).rejects.toThrow('another one');
    expect(await put('still here')).toMatchObject({ status: 200 });
  });
});

it('closing waits for the requests in flight, and for nothing else', async () => {
  const body = 'x'.repeat(3 * 2 ** 20);
  const { headers = {} } = await server.sign({ method: 'PUT', path: KEY, body });
  const sent = request(server.url + KEY, {
    method: 'PUT',
    headers: { ...headers, 'content-length': body.length },
  });
  sent.write(body.slice(0, 100));
  await until(async () => (await objectFiles()).length === 1);
  const closed = server.close();
  await sleep(50);
  sent.end(body.slice(100));
  const [response] = await once(sent, 'response');
  expect(response.statusCode).toBe(200);
  response.resume();
  const startMs = performance.now();
  await closed;
  expect(performance.now() - startMs).toBeLessThan(3000);
  server = await startTestServer(dir);
  expect((await get()).text).toBe(body);
});

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let n = 0; n < 200; n++) {
    if (await condition()) return;
    await sleep(25);
  }
  throw new Error('It did not come true within 5 s.');
}
