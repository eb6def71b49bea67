import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import {
  answer,
  BYTES,
  code,
  error,
  hangUp,
  type ScriptedS3,
  SHA256,
  type Step,
  startScriptedS3,
  stored,
} from '../support/scripted-s3.ts';

describe('what the collector does, when S3 answers in its worse ways', () => {
  let s3: ScriptedS3;
  beforeEach(async () => {
    s3 = await startScriptedS3();
  });
  afterEach(() => s3.close());

  describe('replace', () => {
    it('is conditional on the version, and sends the digest it was given', async () => {
      s3.script = [answer(200)];
      await s3.store.replace('key', BYTES, '"7"', new Uint8Array(32).fill(1));
      s3.expectRequests('PUT');
      const { headers } = s3.requests[0]!;
      expect(headers).toMatchObject({
        'if-match': '"7"',
        'x-amz-content-sha256': Buffer.alloc(32, 1).toString('hex'),
      });
      expect(headers['if-none-match']).toBeUndefined();
    });

    it('is settled by what is stored, whatever the answer was', async () => {
      s3.script = [error(412, 'PreconditionFailed'), stored(SHA256)];
      await s3.store.replace('key', BYTES, '"1"');
      s3.script = [hangUp, hangUp, stored(SHA256)];
      await s3.store.replace('key', BYTES, '"1"');
      s3.script = [error(404, 'NoSuchKey'), stored(SHA256)];
      await s3.store.replace('key', BYTES, '"1"');
      s3.expectRequests('PUT', 'HEAD', 'PUT', 'PUT', 'HEAD', 'PUT', 'HEAD');
    });

    it('fails with object-changed when another version is stored, or none', async () => {
      const changed = code('store.object-changed');
      s3.script = [error(412, 'PreconditionFailed'), stored(new Uint8Array(32))];
      await expect(s3.store.replace('key', BYTES, '"1"')).rejects.toThrow(changed);
      s3.script = [error(404, 'NoSuchKey'), answer(404)];
      await expect(s3.store.replace('key', BYTES, '"1"')).rejects.toThrow(changed);
      s3.expectRequests('PUT', 'HEAD', 'PUT', 'HEAD');
    });

    it('is repeated after a conflict of writers, as often as the limits allow', async () => {
      const conflict = error(409, 'ConditionalRequestConflict');
      const other = stored(new Uint8Array(32));
      s3.script = [conflict, other, answer(200)];
      await s3.store.replace('key', BYTES, '"1"');
      s3.script = [conflict, other, conflict, other, conflict, other];
      const replacing = s3.store.replace('key', BYTES, '"1"');
      await expect(replacing).rejects.toThrow(code('store.unavailable'));
      expect(s3.script).toHaveLength(0);
    });

    it('is unavailable when it cannot be told, in a missing bucket, and denied at once', async () => {
      const unavailable = code('store.unavailable');
      s3.script = [error(500, 'InternalError'), error(500, 'InternalError'), error(403, 'x')];
      await expect(s3.store.replace('key', BYTES, '"1"')).rejects.toThrow(unavailable);
      s3.script = [error(412, 'PreconditionFailed'), error(403, 'x')];
      await expect(s3.store.replace('key', BYTES, '"1"')).rejects.toThrow(
        code('store.object-changed'),
      );
      s3.script = [error(404, 'NoSuchBucket'), answer(404)];
      await expect(s3.store.replace('key', BYTES, '"1"')).rejects.toThrow(unavailable);
      s3.script = [error(403, 'AccessDenied')];
      await expect(s3.store.replace('key', BYTES, '"1"')).rejects.toThrow(code('store.denied'));
    });
  });

  describe('delete', () => {
    const deleted = (...errors: [key: string, name: string][]): Step => {
      const items = errors.map(
        ([key, name]) => `<Error><Key>${key}</Key><Code>${name}</Code></Error>`,
      );
      return answer(200, {}, `<DeleteResult>${items.join('')}</DeleteResult>`);
    };

    it('repeats only the keys that failed', async () => {
      s3.script = [deleted(['b', 'InternalError']), deleted()];
      await s3.store.delete(['a', 'b']);
      s3.expectRequests('POST', 'POST');
      expect(s3.requests[1]!.bytes).toBeLessThan(s3.requests[0]!.bytes);
    });

    it('tries all pages, and then fails with what was denied or would not go', async () => {
      const keys = Array.from({ length: 1001 }, (_, n) => `${n}`);
      s3.script = [deleted(['5', 'InternalError'], ['7', 'AccessDenied']), deleted()];
      await expect(s3.store.delete(keys)).rejects.toMatchObject({
        code: 'store.denied',
        details: { key: '7' },
      });
      s3.expectRequests('POST', 'POST');
      s3.script = Array.from({ length: 3 }, () => deleted(['a', 'InternalError']));
      await expect(s3.store.delete(['a'])).rejects.toThrow(code('store.unavailable'));
      s3.script = [error(403, 'AccessDenied')];
      await expect(s3.store.delete(['a'])).rejects.toThrow(code('store.denied'));
      s3.script = [error(500, 'InternalError'), error(500, 'InternalError')];
      await expect(s3.store.delete(['a'])).rejects.toThrow(code('store.unavailable'));
      s3.script = [error(404, 'NoSuchBucket')];
      await expect(s3.store.delete(['a'])).rejects.toThrow(code('store.unavailable'));
      expect(s3.script).toHaveLength(0);
    });

    it('is repeated when its answer is lost', async () => {
      s3.script = [hangUp, deleted()];
      await s3.store.delete(['a']);
      s3.expectRequests('POST', 'POST');
    });
  });
});
