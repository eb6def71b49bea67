import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from '@jest/globals';
import { type ErrorCode, isError } from '../../lib/errors.ts';

/** Expects a failure with exactly this code. */
export const expectCode = async (promise: Promise<unknown>, code: ErrorCode): Promise<void> => {
  await expect(promise).rejects.toMatchObject({ name: 'HoldfastError', code });
};

/** All items of an iterable. */
export const all = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
};

/** Runs calls at once: how many succeeded, and the codes of those that did not. */
export const race = async (calls: (() => Promise<unknown>)[]) => {
  const results = await Promise.allSettled(calls.map((call) => call()));
  const failures = results.filter((result) => result.status === 'rejected');
  const codes = failures.map(({ reason }) => {
    if (isError(reason)) return reason.code;
    throw reason;
  });
  return { winners: results.length - failures.length, codes };
};

/** Lists by project may show a write a moment later, and much later on a machine that is busy. */
export const eventually = async (expectation: () => Promise<void>): Promise<void> => {
  const deadlineMs = Date.now() + 20_000;
  for (;;) {
    try {
      return await expectation();
    } catch (error) {
      if (Date.now() > deadlineMs) throw error;
      await sleep(50);
    }
  }
};

/** `count` numbers from 0, handed to `make` a few at once. */
export const many = async (count: number, make: (n: number) => Promise<unknown>): Promise<void> => {
  let next = 0;
  const work = async () => {
    for (let n = next++; n < count; n = next++) await make(n);
  };
  await Promise.all(Array.from({ length: 8 }, work));
};
