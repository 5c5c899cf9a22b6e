/**
 * One call of one plugin: run it, and turn every way in which it can fail into an error with a code of the spec.
 *
 * @see pluginErr, https://github.com/containernetworking/cni/blob/main/pkg/invoke/raw_exec.go
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { quote } from '../config/bad-setting.js';
import { composeEnvironment, type Attachment, type Surroundings, type Verb } from './compose.js';
import { CNI_CODE, CniError } from './error.js';
import { structField } from './json.js';
import { isObject } from '../state/json.js';
import { MAX_OUTPUT_BYTES, type PluginCall, type PluginReply, type PluginRunner } from './runner.js';

export interface Runtime extends Surroundings {
  readonly runner: PluginRunner;
  /** For each call of a plugin. */
  readonly timeoutMs: number;
  /** Of an ADD alone: what undoes it is not interrupted. */
  readonly interruption?: AbortSignal | undefined;
  /** Something to know that is no failure: what a plugin says on stderr, a file that was left out. */
  readonly warn: (message: string) => void;
}

export interface Invocation {
  readonly verb: Verb;
  readonly type: string;
  readonly file: string;
  readonly input: string;
  readonly attachment?: Attachment;
}

/** A plugin that is being replaced is busy for a moment; libcni waits as long, in longer steps. */
const BUSY_WAIT_MS = 250;
const BUSY_TRIES = 20;

/**
 * Call a plugin, once.
 *
 * @returns what it wrote to stdout.
 * @throws CniError with the plugin's own code, msg and details, or io, decoding or tryAgainLater.
 */
export async function invokePlugin(runtime: Runtime, invocation: Invocation): Promise<string> {
  const { verb, type, file, input, attachment } = invocation;
  const env = composeEnvironment(verb, runtime, attachment);
  const signal = verb === 'ADD' ? runtime.interruption : undefined;
  const reply = await runUnlessBusy(runtime.runner, { file, env, input, timeoutMs: runtime.timeoutMs, signal });
  if (reply.outcome === 'interrupted') signal?.throwIfAborted();
  if (reply.outcome !== 'exited' || reply.status !== 0) throw failure(file, reply, runtime.timeoutMs);
  const said = reply.stderr.trim();
  if (said !== '') runtime.warn(`plugin ${type} (${verb}): ${said}`);
  return reply.stdout;
}

async function runUnlessBusy(runner: PluginRunner, call: PluginCall): Promise<PluginReply> {
  for (let tries = 1; ; tries++) {
    call.signal?.throwIfAborted();
    const reply = await runner(call);
    if (reply.errno !== 'ETXTBSY' || tries === BUSY_TRIES) return reply;
    await sleep(BUSY_WAIT_MS);
  }
}

function failure(file: string, reply: PluginReply, timeoutMs: number): CniError {
  switch (reply.outcome) {
    case 'not-started':
      return new CniError(CNI_CODE.io, `cannot start ${file}: ${reply.errno ?? 'unknown reason'}`, {
        hint: `it must be an executable file: ls -l ${file}`,
        refused: true,
      });
    case 'timed-out':
      return new CniError(
        CNI_CODE.tryAgainLater,
        `the plugin did not end within ${timeoutMs / 1000} s and was killed`,
        {
          details: lastWords(reply.stderr),
        },
      );
    case 'too-much-output':
      return new CniError(CNI_CODE.decoding, `the plugin wrote more than ${MAX_OUTPUT_BYTES >> 20} MiB and was killed`);
    case 'interrupted':
    case 'killed':
    case 'exited':
      return reply.stdout.trim() === '' ? silentFailure(reply) : parseErrorObject(reply.stdout);
  }
}

function silentFailure({ status, signal, stderr }: PluginReply): CniError {
  const how = signal === undefined ? `exit status ${String(status)}` : `signal: ${signal}`;
  const words = lastWords(stderr);
  const msg = words === '' ? `netplugin failed with no error message: ${how}` : `netplugin failed: ${words}: ${how}`;
  return new CniError(CNI_CODE.io, msg);
}

/** The error object that a failed plugin prints on stdout; one without a code is unclassified. */
export function parseErrorObject(stdout: string): CniError {
  let value: unknown;
  try {
    value = JSON.parse(stdout);
  } catch {
    value = undefined;
  }
  if (isObject(value)) {
    const [code = 0, msg = '', details = ''] = ['code', 'msg', 'details'].map(
      (key) => structField(value, key) ?? undefined,
    );
    if (typeof msg === 'string' && typeof details === 'string' && Number.isInteger(code) && Number(code) >= 0) {
      const cniCode = Number(code) || CNI_CODE.unclassified;
      const refused = cniCode === CNI_CODE.incompatibleVersion;
      const hint = refused
        ? "set a cniVersion that the plugin supports in the network's list; or install newer plugins"
        : undefined;
      return new CniError(cniCode, msg || 'the plugin failed and said no reason', { details, refused, hint });
    }
  }
  const msg = `netplugin failed but error parsing its diagnostic message ${quote(stdout)}`;
  return new CniError(CNI_CODE.decoding, msg);
}

/** The end of what was said, on one line: the reason is mostly the last of it. */
function lastWords(text: string): string {
  const words = text.trim();
  return words.length > 400 ? `…${words.slice(-400)}` : words;
}
