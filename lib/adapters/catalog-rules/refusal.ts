import { HoldfastError } from '../../errors.ts';

/**
 * The rules of the catalog, apart from where it is kept. Each rule looks at what is stored now and
 * answers whether a change is still to be made:
 * - `true`: the state allows it and it has not been made;
 * - `false`: what is stored is what this very change makes (it was repeated, or its answer lost);
 * - throws: the state forbids it.
 */
export const refuse = (item: string, reason: string): never => {
  throw new HoldfastError('catalog.conflict', { item, reason });
};
