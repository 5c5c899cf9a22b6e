/**
 * Which versions a plugin can: its answer to VERSION, kept for as long as its file is the same.
 *
 * @see GetVersionInfo, https://github.com/containernetworking/cni/blob/main/pkg/invoke/exec.go
 */

import { statSync } from 'node:fs';
import { composeVersionRequest } from './compose.js';
import { CNI_CODE, CniError } from './error.js';
import { invokePlugin, type Runtime } from './invoke.js';
import { isObject } from '../state/json.js';

const answers = new Map<string, Promise<readonly string[]>>();

/** @throws CniError as of the plugin, or decoding. */
export function pluginVersions(runtime: Runtime, type: string, file: string): Promise<readonly string[]> {
  const key = identify(file);
  const known = answers.get(key);
  if (known !== undefined) return known;
  const answer = ask(runtime, type, file);
  answers.set(key, answer);
  // Only an answer is kept: the next one to ask may have more luck.
  answer.catch(() => answers.delete(key));
  return answer;
}

function identify(file: string): string {
  const stat = statSync(file, { throwIfNoEntry: false });
  return `${file} ${String(stat?.mtimeMs)} ${String(stat?.size)}`;
}

async function ask(runtime: Runtime, type: string, file: string): Promise<readonly string[]> {
  try {
    return parseVersionReply(
      await invokePlugin(runtime, { verb: 'VERSION', type, file, input: composeVersionRequest() }),
    );
  } catch (cause) {
    // A plugin of before there was the verb.
    if (cause instanceof CniError && cause.message === 'unknown CNI_COMMAND: VERSION') return ['0.1.0'];
    throw cause instanceof CniError ? cause.during(`asking plugin ${type} for its versions failed`) : cause;
  }
}

/**
 * @see PluginDecoder, https://github.com/containernetworking/cni/blob/main/pkg/version/plugin.go
 * @throws CniError decoding
 */
export function parseVersionReply(stdout: string): readonly string[] {
  const refuse = (why: string) => new CniError(CNI_CODE.decoding, `decoding version info: ${why}`);
  let reply: unknown;
  try {
    reply = JSON.parse(stdout);
  } catch {
    throw refuse('no JSON');
  }
  if (!isObject(reply)) throw refuse('no object');
  const { cniVersion, supportedVersions } = reply;
  if (typeof cniVersion !== 'string' || cniVersion === '') throw refuse('missing field cniVersion');
  if (Array.isArray(supportedVersions) && supportedVersions.length > 0) {
    const versions = supportedVersions as unknown[];
    if (versions.every((version) => typeof version === 'string')) return versions;
    throw refuse('supportedVersions must hold strings');
  }
  if (cniVersion === '0.2.0') return ['0.1.0', '0.2.0'];
  throw refuse('missing field supportedVersions');
}
