/**
 * A container's network namespace whose path only the caller of ADD knows: plugins get another one, by which it can be opened
 * where they run, and nobody else ever hears of that one. Results and previous results name it in `sandbox`.
 */

import { isObject } from '../state/json.js';
import type { PluginRunner } from './runner.js';

/** The same runner for callers that say `path`, and plugins that are told `inside`. */
export function underOtherPath(run: PluginRunner, path: string, inside: string): PluginRunner {
  return async (call) => {
    if (call.env.CNI_NETNS !== path) return run(call);
    const env = { ...call.env, CNI_NETNS: inside };
    const reply = await run({ ...call, env, input: inJson(call.input, rename(path, inside)) });
    return { ...reply, stdout: inJson(reply.stdout, rename(inside, path)) };
  };
}

/** For the interfaces of a result, and of a request's previous result. */
function rename(from: string, to: string): (key: string, value: unknown) => unknown {
  return (key, value) => (key === 'sandbox' && value === from ? to : value);
}

/** What is no JSON stays as it is: others say what is wrong with it. */
function inJson(text: string, change: (key: string, value: unknown) => unknown): string {
  let value: unknown;
  try {
    value = JSON.parse(text, change);
  } catch {
    return text;
  }
  return isObject(value) ? JSON.stringify(value) : text;
}
