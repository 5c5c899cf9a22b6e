import { count } from './words.js';

/** What there is in a namespace and who uses it, by the same words in every command (src/inspect/counts.ts has the numbers). */

export const processesInWords = (number: number): string => count(number, 'process', 'processes');
export const containersInWords = (number: number): string => count(number, 'container');
/** @param number - null: nobody can know. */
export const referencesInWords = (number: number | null): string =>
  number === null ? 'an unknown number of references' : count(number, 'reference');

/** A phrase each: "2 processes", "1 container", "25 references"; none for nobody. */
export function usersInWords(status: {
  processes: number | null;
  containers: number | null;
  refCount: number | null;
}): string[] {
  const { processes, containers, refCount } = status;
  return [
    ...(processes ? [processesInWords(processes)] : []),
    ...(containers ? [containersInWords(containers)] : []),
    ...(refCount === 0 ? [] : [referencesInWords(refCount)]),
  ];
}
