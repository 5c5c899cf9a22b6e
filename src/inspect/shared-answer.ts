import { BackgroundProcess } from '../exec/background.js';
import { overwrite, readOptional } from '../state/files.js';

/**
 * Theory of operation: many who ask at once
 *
 * Looking costs a process for each container. Ten that ask for the same in the same moment would pay for it ten times, and
 * wait for one another besides. So they look one after the other, and who finds that somebody began to look after he
 * himself was asked takes that answer: it can't be older than his question. Of any number that ask at once one looks.
 *
 * A lock on the file with the answer keeps the order: flock(2), which goes with its owner. It is not the one of changes,
 * and who doesn't get it in time, or can't write the file, looks for himself.
 */

/** Longer than looking takes; a stopped one keeps the others no longer than this. */
const PATIENCE_S = 5;

/** Milliseconds of CLOCK_MONOTONIC, the same for every process (clock_gettime(2)). */
export function monotonicMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/**
 * The answer of `look`, or of another one's that began after `asked`.
 *
 * @param about - what the answer is about; one about something else is none.
 * @param asked - when the question was put, by {@link monotonicMs}.
 */
export async function shareAnswer<T>(
  file: string,
  about: string,
  asked: number,
  env: Readonly<Record<string, string>>,
  look: () => Promise<T>,
): Promise<T> {
  const lock = await takeLock(file, env);
  try {
    const known = lock === undefined ? undefined : parseAnswer<T>(readOptional(file) ?? '');
    if (known?.about === about && known.begun >= asked && known.begun <= monotonicMs()) return known.answer;
    const begun = monotonicMs();
    const answer = await look();
    if (lock !== undefined) writeAnswer(file, { about, begun, answer });
    return answer;
  } finally {
    lock?.kill();
  }
}

interface Answer<T> {
  about: string;
  begun: number;
  answer: T;
}

/** undefined for what is torn: its writer was killed. */
function parseAnswer<T>(text: string): Answer<T> | undefined {
  try {
    const value = JSON.parse(text) as Partial<Answer<T>> | null;
    const whole = value?.about !== undefined && value.begun !== undefined && value.answer !== undefined;
    return whole ? (value as Answer<T>) : undefined;
  } catch {
    return undefined;
  }
}

/** In place, for the lock is on this very file, and no longer than it is: a longer answer may have been there. */
function writeAnswer(file: string, answer: Answer<unknown>): void {
  try {
    overwrite(file, JSON.stringify(answer));
  } catch {
    // No space is left, or the state directory has gone: the others look for themselves.
  }
}

/** A shell has it for us, until it is killed or we are. */
async function takeLock(file: string, env: Readonly<Record<string, string>>): Promise<BackgroundProcess | undefined> {
  const script = 'umask 077; exec 9>>"$1" && flock -w "$2" 9 && echo locked && read -r _';
  const lock = new BackgroundProcess('sh', ['-c', script, 'sh', file, String(PATIENCE_S)], env);
  try {
    await lock.line(PATIENCE_S * 2000);
    return lock;
  } catch {
    lock.kill();
    return undefined;
  }
}
