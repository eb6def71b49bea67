import {
  AlreadyExistsException,
  DecryptCommand,
  EncryptCommand,
  IncorrectKeyException,
  InvalidCiphertextException,
  KMSClient,
  NotFoundException,
} from '@aws-sdk/client-kms';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { mockClient } from 'aws-sdk-client-mock';
import { kmsKeyProvider } from '../../../lib/adapters/aws/kms-key-provider.ts';
import { SOME, someBytes } from '../../support/some-stored.ts';

const { vaultId, vaultKey } = SOME;
const KEY = 'alias/holdfast';
const kms = mockClient(KMSClient);
const provider = kmsKeyProvider(new KMSClient({ region: 'eu-west-1' }), KEY);
const blob = someBytes('blob', 180);
const failure = { $metadata: {}, message: 'no' };
const code = (name: string) => expect.objectContaining({ code: name });

describe('kmsKeyProvider', () => {
  beforeEach(() => {
    kms.reset();
  });

  it('wraps and unwraps with the vault as encryption context', async () => {
    kms.on(EncryptCommand).resolves({ CiphertextBlob: blob });
    kms.on(DecryptCommand).resolves({ Plaintext: vaultKey });
    expect(await provider.wrap(vaultKey, { vaultId })).toEqual(blob);
    expect(await provider.unwrap(blob, { vaultId })).toEqual(vaultKey);
    expect(kms.calls().map(({ args }) => args[0].input)).toEqual([
      { KeyId: KEY, Plaintext: vaultKey, EncryptionContext: { vaultId } },
      { KeyId: KEY, CiphertextBlob: blob, EncryptionContext: { vaultId } },
    ]);
  });

  it.each([
    ['format.wrong-key', new InvalidCiphertextException(failure)],
    ['format.wrong-key', new IncorrectKeyException(failure)],
    ['key.missing', new NotFoundException(failure)],
    ['key.unavailable', new AlreadyExistsException(failure)],
    ['key.unavailable', new Error('socket hang up')],
  ])('answers %s for what KMS says', async (name, error) => {
    kms.on(DecryptCommand).rejects(error);
    await expect(provider.unwrap(blob, { vaultId })).rejects.toThrow(code(name));
    await expect(provider.unwrap(blob, { vaultId })).rejects.toHaveProperty('cause', error);
  });

  it('fails when KMS fails to wrap, or answers nothing', async () => {
    kms.on(EncryptCommand).rejectsOnce(new Error('socket hang up')).resolves({});
    await expect(provider.wrap(vaultKey, { vaultId })).rejects.toThrow(code('key.unavailable'));
    await expect(provider.wrap(vaultKey, { vaultId })).rejects.toThrow(code('key.unavailable'));
    kms.on(DecryptCommand).resolves({});
    await expect(provider.unwrap(blob, { vaultId })).rejects.toThrow(code('key.unavailable'));
  });

  it.each([0, 6145])('does not ask KMS about a blob of %i bytes', async (size) => {
    await expect(provider.unwrap(new Uint8Array(size), { vaultId })).rejects.toThrow(
      code('format.wrong-key'),
    );
    expect(kms.calls()).toHaveLength(0);
  });
});
