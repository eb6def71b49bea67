import type { Probe } from '../../ports/probe.ts';

export interface MemoryProbe extends Probe {
  notes: { event: string; facts: object }[];
  problems: { event: string; error: unknown; facts: object }[];
}

/** Keeps what it is told. */
export const memoryProbe = (): MemoryProbe => {
  const notes: MemoryProbe['notes'] = [];
  const problems: MemoryProbe['problems'] = [];
  return {
    notes,
    problems,
    note: (event, facts = {}) => void notes.push({ event, facts }),
    problem: (event, error, facts = {}) => void problems.push({ event, error, facts }),
  };
};
