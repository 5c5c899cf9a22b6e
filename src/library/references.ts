import { RnetnsError } from '../errors/error.js';
import { ID } from '../state/references.js';

/** Which reference: see {@link RootlessNetns.setup}. */
export interface ReferenceOptions {
  /**
   * Name of the reference: it counts once, however often it is set up, and tearing down one that isn't there is no
   * error. Up to 128 letters, digits, and `_ . -` after the first. Without it references are a mere number.
   */
  id?: string | undefined;
}

/** Which reference, and whom it goes with: see {@link RootlessNetns.setup}. */
export interface SetupOptions extends ReferenceOptions {
  /** Tie the reference to this process, by its pid and start time: when it dies, the reference is dropped. Needs `id`. */
  pid?: number | undefined;
}

const NETS_MAX = 9_999_999;
/** PID_MAX_LIMIT, proc_sys_kernel(5). */
const PID_MAX = 4_194_304;

/** @throws RnetnsError ERR_USAGE, before anything is started. */
export function referenceArguments(verb: string, nets: number, fn: unknown, { id, pid }: SetupOptions): string[] {
  const refuse = (message: string, hint: string) => new RnetnsError('ERR_USAGE', `${verb}: ${message}`, { hint });
  if (!Number.isInteger(nets) || nets < 1 || nets > NETS_MAX) {
    throw refuse(`bad number of networks ${show(nets)}`, `a whole number from 1 to ${NETS_MAX}`);
  }
  if (fn != null && typeof fn !== 'function') {
    throw refuse(`bad function ${show(fn)}`, 'a function, or null for just the count');
  }
  if (id !== undefined && !(typeof id === 'string' && ID.test(id))) {
    throw refuse(`bad id ${show(id)}`, 'ids are up to 128 letters, digits, and _ . - after the first');
  }
  if (pid !== undefined) {
    if (!Number.isInteger(pid) || pid < 1 || pid > PID_MAX) {
      throw refuse(`bad pid ${show(pid)}`, 'the number of a process, as seen by this one');
    }
    if (id === undefined) throw refuse('a pid without an id', 'only a reference with an id can go with a process');
  }
  return [
    ...['--nets', String(nets)],
    ...(id === undefined ? [] : ['--id', id]),
    ...(pid === undefined ? [] : ['--pid', String(pid)]),
  ];
}

/** What came, on one line: a caller without types may give anything. */
function show(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}
