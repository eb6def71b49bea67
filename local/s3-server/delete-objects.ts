import { readSmallBody } from './body.ts';
import { checkMatch } from './conditions.ts';
import { allowQuery, answer, type Exchange } from './exchange.ts';
import type { ObjectRow } from './object-table.ts';
import { discardFile } from './object-versions.ts';
import { notImplemented, S3Error } from './s3-error.ts';
import { document, element, parseXml, type XmlElement } from './xml.ts';

const BATCH_MAX = 1000;
/** A batch of 1,000 keys of 1,024 bytes, escaped, with room to spare. */
const BATCH_BYTES_MAX = 8 * 2 ** 20;

interface Deletion {
  key: string;
  /** Condition; empty for none. */
  etag: string;
}

/** DeleteObjects: all rows in one transaction, then the files. */
export const deleteObjects = async (exchange: Exchange): Promise<void> => {
  const { table } = exchange;
  allowQuery(exchange, 'delete');
  const xml = await readSmallBody(exchange, BATCH_BYTES_MAX);
  const { deletions, quiet } = parseBatch(parseXml(xml.toString()));
  const outcomes = table.transaction(() =>
    deletions.map((deletion) => ({ ...deletion, outcome: removeRow(exchange, deletion) })),
  );
  const results = outcomes.flatMap(({ key, outcome }) =>
    outcome instanceof S3Error
      ? [
          `<Error>${element('Key', key)}${element('Code', outcome.code)}${element('Message', outcome.message)}</Error>`,
        ]
      : quiet
        ? []
        : [`<Deleted>${element('Key', key)}</Deleted>`],
  );
  for (const { outcome } of outcomes)
    if (outcome !== null && !(outcome instanceof S3Error))
      await discardFile(exchange, outcome.file);
  answer(exchange, 200, {}, document('DeleteResult', results));
};

/** The row that was removed, `null` when there was none; a failed condition is an outcome too. */
const removeRow = (
  { table, bucket }: Exchange,
  { key, etag }: Deletion,
): ObjectRow | S3Error | null => {
  const row = table.find(bucket, key);
  try {
    checkMatch(etag, row);
  } catch (error) {
    if (error instanceof S3Error) return error;
    throw error;
  }
  table.remove(bucket, key);
  return row;
};

const parseBatch = (root: XmlElement): { deletions: Deletion[]; quiet: boolean } => {
  const objects = root.children.filter(({ name }) => name === 'Object');
  const quiet = root.children.find(({ name }) => name === 'Quiet')?.text.trim() === 'true';
  const strange = root.children.find(({ name }) => name !== 'Object' && name !== 'Quiet');
  if (root.name !== 'Delete' || strange !== undefined || objects.length === 0)
    throw new S3Error('MalformedXML', 'The request document is no batch of deletions.');
  if (objects.length > BATCH_MAX)
    throw new S3Error('MalformedXML', `A batch names at most ${BATCH_MAX} objects.`);
  return { deletions: objects.map(parseDeletion), quiet };
};

const parseDeletion = ({ children }: XmlElement): Deletion => {
  const deletion = { key: '', etag: '' };
  for (const { name, text } of children) {
    if (name === 'Key') deletion.key = text;
    else if (name === 'ETag') deletion.etag = text;
    else throw notImplemented(`${name} in a batch of deletions`);
  }
  if (deletion.key === '') throw new S3Error('MalformedXML', 'An object of the batch has no key.');
  return deletion;
};
