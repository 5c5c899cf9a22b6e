import { text as readAll } from 'node:stream/consumers';
import { writeResult, type WrittenResult } from '../../cni/convert.js';
import { CNI_CODE, CniError, type CniErrorDetail, type CniErrorObject } from '../../cni/error.js';
import { isObject, type JsonObject } from '../../state/json.js';
import { kindOf } from '../../cni/json.js';
import { parseNetworkList, parsePlugin, type NetworkList } from '../../cni/network-conf.js';
import { parseResult } from '../../cni/result.js';
import { CNI_VERSIONS, CURRENT_VERSION, isKnownVersion, OLDEST_VERSION } from '../../cni/version.js';
import { processEnvironment } from '../../config/environment.js';
import { EXIT, RnetnsError, type ErrorCode } from '../../errors/error.js';
import { makeContext } from '../context.js';
import { interruptible } from '../interruptible.js';
import { toJson } from '../report.js';
import { attach, check, deleteAllBut, detach, networkStatus, type AttachOptions } from './attach.js';
import { PLUGIN_TIMEOUT_S, type CniContext } from './session.js';

/**
 * The CNI plugin of type `rnetns`: it runs the plugins of its `delegate` list in the shared namespace, so that any
 * runtime that calls CNI plugins can put its containers there by naming ours.
 *
 *     {"cniVersion": "1.0.0", "name": "net", "plugins": [{"type": "rnetns", "delegate": [{"type": "bridge", …}, …]}]}
 *
 * `namespace` beside `delegate` names a shared namespace other than `default`. `runtimeConfig` goes to the delegates that have the
 * capability; the runtime gives it only if the plugin of type `rnetns` itself lists that capability.
 *
 * @returns the exit status: 0, or 1 with the error object of the specification on stdout.
 * @see https://github.com/containernetworking/cni/blob/main/SPEC.md#section-2-execution-protocol
 */
export async function runAsPlugin(): Promise<number> {
  let version: string = CURRENT_VERSION;
  try {
    const given = parseObject(await readAll(process.stdin));
    version = readVersion(given);
    const answer = await act(parseConfig(given, version));
    if (answer !== undefined) process.stdout.write(`${toJson(answer)}\n`);
    return EXIT.ok;
  } catch (error) {
    if (!(error instanceof RnetnsError)) throw error;
    process.stdout.write(`${toJson(errorObject(error, version))}\n`);
    return EXIT.bad;
  }
}

interface PluginConfig {
  cniVersion: string;
  /** undefined where there is none: VERSION has no network. */
  list: NetworkList | undefined;
  namespace: string | undefined;
  runtimeConfig: JsonObject;
  /** Of GC. */
  valid: { containerId: string; ifName: string }[];
}

function refuse(code: number, why: string, detail: CniErrorDetail = {}): CniError {
  return new CniError(code, `the configuration on stdin is wrong: ${why}`, detail);
}

function parseObject(text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refuse(CNI_CODE.decoding, 'no JSON');
  }
  if (!isObject(value)) throw refuse(CNI_CODE.decoding, 'no object');
  return value;
}

/** By itself: an error about the rest must be in that version. */
function readVersion({ cniVersion = OLDEST_VERSION }: JsonObject): string {
  if (typeof cniVersion !== 'string') throw refuse(CNI_CODE.decoding, 'cniVersion is no string');
  return cniVersion;
}

function parseConfig(given: JsonObject, cniVersion: string): PluginConfig {
  const { name, delegate, namespace, runtimeConfig = {} } = given;
  if (namespace !== undefined && typeof namespace !== 'string')
    throw refuse(CNI_CODE.badConfig, 'namespace is no string');
  if (!isObject(runtimeConfig)) throw refuse(CNI_CODE.badConfig, 'runtimeConfig is no object');
  // Under both names that the spec has had for it (src/cni/compose.ts).
  const valid = given['cni.dev/valid-attachments'] ?? given['cni.dev/attachments'];
  return {
    cniVersion,
    list: delegate === undefined ? undefined : delegateList(name, cniVersion, delegate),
    namespace,
    runtimeConfig,
    valid: (Array.isArray(valid) ? valid : []).filter(isObject).map(({ containerID, ifname }) => ({
      containerId: String(containerID),
      ifName: String(ifname),
    })),
  };
}

/** As a list of which `plugins` is called `delegate`, in what is said of it as well. */
function delegateList(name: unknown, cniVersion: string, delegate: unknown): NetworkList {
  if (!Array.isArray(delegate)) throw refuse(CNI_CODE.badConfig, `delegate must be an array, not ${kindOf(delegate)}`);
  if (delegate.length === 0) throw refuse(CNI_CODE.badConfig, 'delegate has no plugins');
  for (const [index, plugin] of delegate.entries()) {
    inConfiguration(`delegate[${index}]: `, () => parsePlugin(JSON.stringify(plugin)));
  }
  // The runtime has chosen by what we can speak; delegates may be older, and their answers are converted.
  const older = isKnownVersion(cniVersion) ? CNI_VERSIONS.slice(0, CNI_VERSIONS.indexOf(cniVersion) + 1) : [];
  const versions = older.length > 1 ? { cniVersions: older } : {};
  const text = JSON.stringify({ cniVersion, ...versions, name, plugins: delegate, loadOnlyInlinedPlugins: true });
  const list = inConfiguration('', () => parseNetworkList(text));
  if (list.plugins.every(({ type }) => type !== 'rnetns')) return list;
  throw refuse(CNI_CODE.badConfig, 'delegate: the plugin rnetns cannot delegate to itself');
}

function inConfiguration<T>(where: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    if (!(cause instanceof CniError)) throw cause;
    const { cniCode, msg, details, hint } = cause;
    throw refuse(cniCode, `${where}${msg}`, { details, hint, cause });
  }
}

async function act(config: PluginConfig): Promise<object | undefined> {
  const env = processEnvironment();
  const command = env.CNI_COMMAND;
  if (command === 'VERSION') return { cniVersion: config.cniVersion, supportedVersions: CNI_VERSIONS };
  const { list, valid } = config;
  if (list === undefined)
    throw new CniError(CNI_CODE.badConfig, 'delegate is missing in the configuration on stdin: a list of plugins');
  const context = pluginContext(config, env.CNI_PATH);
  const options: AttachOptions = {
    containerId: env.CNI_CONTAINERID ?? '',
    netns: env.CNI_NETNS ?? '',
    ifName: env.CNI_IFNAME ?? '',
    args: env.CNI_ARGS ?? '',
    capabilityArgs: config.runtimeConfig,
  };
  switch (command) {
    case 'ADD':
      return inVersion(
        await attach({ ...context, interruption: interruptible('ADD') }, list, options),
        config.cniVersion,
      );
    case 'DEL':
      return ignore(detach(context, list.name, options, list));
    case 'CHECK':
      return ignore(check(context, list.name, options, list));
    case 'STATUS':
      return ignore(networkStatus(context, list));
    case 'GC':
      return ignore(deleteAllBut(context, list, valid));
    default:
      throw new CniError(CNI_CODE.badEnvironment, `unknown CNI_COMMAND: ${command ?? 'it is not set'}`);
  }
}

/** The plugins of the runtime first: they are what its user configured. */
function pluginContext({ namespace }: PluginConfig, path: string | undefined): CniContext {
  const context = makeContext({ name: namespace });
  const { config } = context;
  const dirs = (path ?? '').split(':').filter((directory) => directory !== '');
  const network = { ...config.network, cniPluginDirs: [...dirs, ...config.network.cniPluginDirs] };
  return { ...context, config: { ...config, network }, pluginTimeoutMs: PLUGIN_TIMEOUT_S * 1000 };
}

async function ignore(done: Promise<void>): Promise<undefined> {
  await done;
  return undefined;
}

/** What a runtime may try again later. */
const CODES: Partial<Record<ErrorCode, number>> = { ERR_LOCK_TIMEOUT: CNI_CODE.tryAgainLater };

/** As the runtime has asked, in whatever version the delegates have agreed on. */
function inVersion(result: WrittenResult, version: string): WrittenResult {
  return isKnownVersion(version) ? writeResult(parseResult(JSON.stringify(result), version), version) : result;
}

/** A runtime shows `msg; details` and nothing else: act and hint of ours have no other place. */
function errorObject(error: RnetnsError, cniVersion: string): CniErrorObject {
  const hint = error.hint === undefined ? '' : `hint: ${error.hint}`;
  const { code, msg, said } =
    error instanceof CniError
      ? { code: error.cniCode, msg: error.msg, said: [error.details, error.context ?? ''] }
      : { code: CODES[error.code] ?? CNI_CODE.unclassified, msg: `${error.code}: ${error.message}`, said: [] };
  return { cniVersion, code, msg, details: [...said, hint].filter((text) => text !== '').join('; ') };
}
