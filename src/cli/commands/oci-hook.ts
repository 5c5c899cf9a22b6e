import { Command } from 'commander';
import { DEFAULT_NETWORK, NETWORKS_ANNOTATION, PORTS_ANNOTATION, planHook } from '../../oci/plan.js';
import { parseState } from '../../oci/state.js';
import { PLUGIN_TIMEOUT_S } from '../cni/session.js';
import { makeContext, type CommonOptions } from '../context.js';
import { interruptible } from '../interruptible.js';

interface OciHookOptions extends CommonOptions {
  network: string[];
  log?: string;
}

export function ociHookCommand(): Command {
  return new Command('oci-hook')
    .description(
      'a hook of OCI runtimes, for createRuntime and poststop: puts a container on networks, and takes it off',
    )
    .option(
      '--network <network>',
      `a network list by its name, or NAME:INTERFACE; may be repeated (default: ${DEFAULT_NETWORK})`,
      (network: string, before: string[]) => [...before, network],
      [],
    )
    .option('--log <file>', 'where failures are written (default: rnetns-oci-hook.log in the runtime directory)')
    .option('--json', 'errors as JSON')
    .addHelpText('after', EXAMPLES)
    .action(async (_options: unknown, command: Command) => {
      await runHook(command.optsWithGlobals<OciHookOptions>());
    });
}

const EXAMPLES = `
The state of the container is read from stdin. Its annotation
${NETWORKS_ANNOTATION} (NETWORK,NETWORK:INTERFACE,…) stands for all --network;
${PORTS_ANNOTATION} (8080:80,127.0.0.1:5353:53/udp,…) are ports of the host
that lead to it.

Examples, in the config.json of a container that is run by
rnetns unshare -- crun run ID:
  "hooks": {
    "createRuntime": [{
      "path": "/usr/local/bin/rnetns",
      "args": ["rnetns", "oci-hook", "--network", "rnetns"]
    }],
    "poststop": [{
      "path": "/usr/local/bin/rnetns",
      "args": ["rnetns", "oci-hook"]
    }]
  }

A container whose runtime was killed, so that its poststop never came:
  echo '{"id":"web","status":"stopped"}' | rnetns oci-hook`;

async function runHook(options: OciHookOptions): Promise<void> {
  let subject = '';
  const interruption = interruptible('the hook');
  try {
    const { readState } = await import('../oci/stdin.js');
    const state = parseState(await readState(process.stdin, interruption));
    subject = `container ${state.id} (${state.status}):`;
    const plan = planHook(state, options.network);
    const made = makeContext(options);
    const [{ attachContainer, detachContainer }, { HookLogger }] = await Promise.all([
      import('../oci/container.js'),
      import('../oci/log.js'),
    ]);
    const tell = (message: string) => void log(options, subject, `warning: ${message}`);
    const logger = new HookLogger(made.config.rnetns.logLevel, tell);
    const context = { ...made, log: logger, pluginTimeoutMs: PLUGIN_TIMEOUT_S * 1000 };
    if (plan.kind === 'attach') await attachContainer({ ...context, interruption }, plan);
    else await detachContainer(context, plan);
  } catch (error) {
    await log(options, subject, error);
    throw error;
  }
}

async function log(options: OciHookOptions, subject: string, error: unknown): Promise<void> {
  const { defaultLog, logFailure } = await import('../oci/log.js');
  const file = options.log ?? defaultLog();
  const why = file === undefined ? undefined : logFailure(file, subject, error);
  if (why !== undefined && options.log !== undefined) {
    process.stderr.write(`rnetns: writing ${options.log} failed: ${why}\n`);
  }
}
