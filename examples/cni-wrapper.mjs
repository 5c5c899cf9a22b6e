#!/usr/bin/env node
/**
 * A CNI plugin that runs another one, its delegate, inside the caller's shared network namespace.
 *
 *     { "cniVersion": "1.0.0", "name": "lab", "type": "cni-wrapper.mjs",
 *       "delegate": { "type": "bridge", "bridge": "cni0", "isGateway": true, "ipam": { … } } }
 *
 * Each attachment, a container's interface, is a reference: the first ADD makes the namespace, the last DEL ends it.
 * CNI_NETNS must belong to the namespace's user namespace, as that of a container does which was started by
 * `rnetns run` or `rnetns unshare`.
 *
 * The protocol: https://www.cni.dev/docs/spec/
 */
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { RnetnsError, RootlessNetns } from 'rnetns';

const VERSIONS = ['0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'];
/** Codes of the specification, and from 100 on our own. */
const CODE = { environment: 4, decoding: 6, configuration: 7, tryAgain: 11, rnetns: 100, delegate: 101 };

class CniError extends Error {
  constructor(code, message, details = '') {
    super(message);
    Object.assign(this, { code, details });
  }
}

function decode(json) {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw new CniError(CODE.decoding, 'cannot decode the network configuration', error.message);
  }
}

function variable(name) {
  const value = process.env[name];
  if (value === undefined || value === '') throw new CniError(CODE.environment, `${name} is not set`);
  return value;
}

function findPlugin(type) {
  const path = variable('CNI_PATH');
  for (const plugin of path.split(':').map((directory) => join(directory, type))) {
    try {
      accessSync(plugin, constants.X_OK);
      return plugin;
    } catch {
      // In the next one, perhaps.
    }
  }
  throw new CniError(CODE.configuration, `the delegate ${type} is not in ${path}`);
}

/** What goes to stdout. */
async function answer(conf) {
  const command = variable('CNI_COMMAND');
  if (command === 'VERSION') return JSON.stringify({ cniVersion: conf.cniVersion, supportedVersions: VERSIONS });

  const { cniVersion, name, delegate, prevResult, runtimeConfig } = conf;
  if (typeof delegate?.type !== 'string') throw new CniError(CODE.configuration, 'delegate.type is missing');
  const plugin = findPlugin(delegate.type);
  const input = JSON.stringify({ cniVersion, name, runtimeConfig, prevResult, ...delegate });
  // The delegate gets the CNI_ variables with the rest of the environment. What it says on stderr is for the log.
  const run = ({ exec }) => exec(plugin, [], { input, stderr: 'inherit' });
  const netns = RootlessNetns.open();
  const id = `${variable('CNI_CONTAINERID')}.${variable('CNI_IFNAME')}`;
  switch (command) {
    case 'ADD':
      return (await netns.setup(1, run, { id })).stdout;
    case 'DEL':
      return (await netns.teardown(1, run, { id })).stdout;
    case 'CHECK':
      return (await netns.run(plugin, [], { input, stderr: 'inherit' })).stdout;
    default:
      throw new CniError(CODE.environment, `the command ${command} is not supported`);
  }
}

/** An error as the specification has it: the delegate's own where it gave one. */
function describe(error, cniVersion) {
  const object = (code, msg, details = '') => JSON.stringify({ cniVersion, code, msg, details });
  if (error instanceof CniError) return object(error.code, error.message, error.details);
  if (error instanceof RnetnsError) {
    const code = error.code === 'ERR_LOCK_TIMEOUT' ? CODE.tryAgain : CODE.rnetns;
    return object(code, error.message, `${error.code} ${error.hint ?? ''}`.trim());
  }
  if (error.stdout?.startsWith('{')) return error.stdout;
  return object(CODE.delegate, error.shortMessage ?? error.message);
}

let conf = { cniVersion: VERSIONS.at(-1) };
try {
  conf = { ...conf, ...decode(await text(process.stdin)) };
  console.log(await answer(conf));
} catch (error) {
  console.log(describe(error, conf.cniVersion));
  process.exitCode = 1;
}
