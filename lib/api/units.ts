/** How model values are written in answers: CBR's `GB` and `MB` are binary. */

const MEBIBYTE = 2 ** 20;
const GIBIBYTE = 2 ** 30;

/** `2026-02-01T10:00:00.000+00:00`: the one form that all known clients parse (spec 9.1). */
export const timeText = (ms: number): string => new Date(ms).toISOString().replace('Z', '+00:00');

/** As `timeText`; null while it has not happened. */
export const timeTextOrNull = (ms: number | undefined): string | null =>
  ms === undefined ? null : timeText(ms);

/** Whole GB that hold `bytes`. */
export const toGb = (bytes: number): number => Math.ceil(bytes / GIBIBYTE);

/** Whole MB that hold `bytes`. */
export const toMb = (bytes: number): number => Math.ceil(bytes / MEBIBYTE);
