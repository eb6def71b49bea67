/** A state machine as a table: from each state, the states that may follow. */
export type Transitions<S extends string> = Readonly<Record<S, readonly S[]>>;

/** The states from which `to` may be entered: the condition of every conditional write. */
export const statesBefore = <S extends string>(table: Transitions<S>, to: S): S[] =>
  (Object.keys(table) as S[]).filter((from) => table[from].includes(to));

/** True when the table has an arrow from `from` to `to`. */
export const mayBecome = <S extends string>(table: Transitions<S>, from: S, to: S): boolean =>
  table[from].includes(to);
