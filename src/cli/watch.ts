import { setTimeout as sleep } from 'node:timers/promises';
import { RnetnsError } from '../errors/error.js';
import { FullScreen } from './full-screen.js';
import { reportError } from './report.js';
import { printable } from '../text/printable.js';

/** Between two looks. */
const PAUSE_MS = 1000;
/** At the end, for what is still looking. */
const LAST_LOOK_MS = 1000;

/**
 * Show a text anew each second, in its place until somebody quits, or one after the other until nobody reads.
 *
 * @param look - makes the text, for the size that the terminal has then.
 * @throws what the first look throws. Later on it is shown, and the next look may be better.
 */
export async function watch(inPlace: boolean, look: () => Promise<string>): Promise<void> {
  const first = await look();
  await (inPlace ? onScreen(first, look) : oneByOne(first, look));
}

async function oneByOne(first: string, look: () => Promise<string>): Promise<never> {
  process.stdout.write(`${first}\n`);
  for (;;) {
    await sleep(PAUSE_MS);
    try {
      process.stdout.write(`${await look()}\n`);
    } catch (error) {
      if (!(error instanceof RnetnsError)) throw error;
      reportError(error, false);
    }
  }
}

async function onScreen(first: string, look: () => Promise<string>): Promise<void> {
  const screen = new FullScreen();
  const lookAgain = (): Promise<string> =>
    look().catch((error: unknown) => {
      if (error instanceof RnetnsError) return `rnetns: ${printable(error.message)}`;
      throw error;
    });
  let looking: Promise<string> | undefined;
  try {
    let text: string | undefined = first;
    while (text !== undefined) {
      screen.draw(text);
      if (await quitsWithin(PAUSE_MS, screen)) return;
      looking = lookAgain();
      text = await Promise.race([looking, screen.quit]);
    }
  } finally {
    screen.leave();
  }
  // What looks has started programs; the prompt comes back when they have ended.
  const deadline = sleep(LAST_LOOK_MS, undefined, { ref: false });
  await Promise.race([looking?.catch(() => undefined), deadline]);
}

async function quitsWithin(ms: number, { quit }: FullScreen): Promise<boolean> {
  const timer = new AbortController();
  const passed = sleep(ms, 'passed', { signal: timer.signal }).catch(() => undefined);
  const first = await Promise.race([passed, quit]);
  timer.abort();
  return first === undefined;
}
