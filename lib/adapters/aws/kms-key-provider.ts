import {
  DecryptCommand,
  EncryptCommand,
  IncorrectKeyException,
  InvalidCiphertextException,
  type KMSClient,
  type KMSClientConfig,
  NotFoundException,
} from '@aws-sdk/client-kms';
import { HoldfastError } from '../../errors.ts';
import type { KeyContext, KeyProvider } from '../../ports/key-provider.ts';

/** What KMS takes at most; a longer blob did not come from it. */
const CIPHERTEXT_BYTES_MAX = 6144;

/** Every request ends: after 1 s without a connection, 5 s without an answer, and 4 attempts. */
export const kmsClientOptions: KMSClientConfig = {
  maxAttempts: 4,
  retryMode: 'standard',
  requestHandler: {
    connectionTimeout: 1000,
    requestTimeout: 5000,
    throwOnRequestTimeout: true,
  },
};

/**
 * Wraps with a key of KMS, which never leaves it. The encryption context binds a blob to its vault
 * or access key, and shows in CloudTrail which of them was opened.
 *
 * @param keyId id, ARN or alias. Blobs of another KMS key are refused.
 */
export const kmsKeyProvider = (client: KMSClient, keyId: string): KeyProvider => ({
  name: 'kms',

  async wrap(plain, context) {
    const command = new EncryptCommand({
      KeyId: keyId,
      Plaintext: plain,
      EncryptionContext: context,
    });
    try {
      const { CiphertextBlob } = await client.send(command);
      return present(keyId, CiphertextBlob);
    } catch (cause) {
      throw translate(keyId, context, cause);
    }
  },

  async unwrap(wrapped, context) {
    if (wrapped.length < 1 || wrapped.length > CIPHERTEXT_BYTES_MAX) throw wrongKey(keyId, context);
    const command = new DecryptCommand({
      KeyId: keyId,
      CiphertextBlob: wrapped,
      EncryptionContext: context,
    });
    try {
      const { Plaintext } = await client.send(command);
      return present(keyId, Plaintext);
    } catch (cause) {
      throw translate(keyId, context, cause);
    }
  },
});

function present(keyId: string, bytes: Uint8Array | undefined): Uint8Array {
  if (!bytes) throw new HoldfastError('key.unavailable', { keyId });
  return bytes;
}

function translate(keyId: string, context: KeyContext, cause: unknown): HoldfastError {
  if (cause instanceof InvalidCiphertextException || cause instanceof IncorrectKeyException) {
    return wrongKey(keyId, context, cause);
  }
  if (cause instanceof NotFoundException) {
    return new HoldfastError('key.missing', { what: `KMS key ${keyId}` }, { cause });
  }
  return new HoldfastError('key.unavailable', { keyId }, { cause });
}

const wrongKey = (keyId: string, context: KeyContext, cause?: unknown): HoldfastError =>
  new HoldfastError(
    'format.wrong-key',
    { what: `The wrapped key of ${Object.values(context).join()}`, keyId },
    { cause },
  );
