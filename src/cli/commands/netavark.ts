import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text as readAll } from 'node:stream/consumers';
import { Command } from 'commander';
import { EXIT, RnetnsError } from '../../errors/error.js';
import { findProgram } from '../../exec/find-program.js';
import { SCRIPTS } from '../../namespace/scripts.js';
import {
  dropForgotten,
  dropLeases,
  findAddresses,
  freeAddresses,
  hasAddresses,
  takeAddresses,
} from '../../netavark/leases.js';
import { parseRequest } from '../../netavark/request.js';
import { identifyProcess, type ProcessId } from '../../state/process.js';
import { readReferences } from '../../state/references.js';
import { makeContext, type CliContext, type CommonOptions } from '../context.js';
import { timeoutOption } from '../timeout-option.js';

interface NetavarkOptions extends CommonOptions {
  /** Seconds for each call of netavark. */
  timeout: number;
}

export function netavarkCommand(): Command {
  const netavark = new Command('netavark')
    .description('call netavark inside the shared namespace, for a container')
    .addOption(timeoutOption('for each call of netavark', 60))
    .addHelpText(
      'after',
      '\nExamples:\n  rnetns netavark setup "$XDG_RUNTIME_DIR/netns/web" <options.json\n  rnetns netavark teardown web <options.json',
    );
  for (const act of ['setup', 'teardown'] as const) {
    netavark
      .command(act)
      .description(
        act === 'setup'
          ? "podman's network options on stdin; the container's id becomes a reference"
          : 'the same options on stdin; drops the reference',
      )
      .argument('<netns>', 'path of the network namespace, or the name of one of `rnetns netns`')
      .action(async (netns: string, _options: CommonOptions, command: Command) => {
        process.exitCode = await connect(act, netns, command.optsWithGlobals<NetavarkOptions>());
      });
  }
  netavark
    .command('update')
    .description("change a network's DNS servers")
    .argument('<network>')
    .option('--network-dns-servers <list>', 'addresses, with commas')
    .action(async (network: string, _options: CommonOptions, command: Command) => {
      const options = command.optsWithGlobals<NetavarkOptions & { networkDnsServers?: string }>();
      const context = makeContext(options);
      const { networkDnsServers: list } = options;
      const servers = list === undefined ? [] : ['--network-dns-servers', list];
      const call = [...wrapper(context, 'update', options.timeout, '', []), 'update', ...servers, network];
      process.exitCode = await launch(context, 'run', [], call, () => '');
    });
  return netavark;
}

async function connect(act: 'setup' | 'teardown', netns: string, options: NetavarkOptions): Promise<number> {
  const context = makeContext(options, { make: true });
  const request = parseRequest(await readAll(process.stdin));
  const container = request.container_id;
  const addresses = join(directoryOf(context), 'addresses');
  const isCounted = (id: string): boolean =>
    readReferences(context.state).list.some((reference) => reference.id === id);
  // netavark itself fails for what isn't there, and 1.4 with a panic.
  if (act === 'teardown' && !isCounted(container) && !hasAddresses(addresses, request)) return EXIT.ok;
  const interfaces = Object.values(request.networks).map(({ interface_name: name }) => name);
  const call = wrapper(context, act, options.timeout, context.state.netnsPath(netns), interfaces);
  let drop = (): void => undefined;
  const status = await launch(context, act, ['--id', container], call, (process) => {
    if (act === 'setup') {
      dropForgotten(addresses, request, isCounted);
      const taken = takeAddresses(addresses, request, process);
      drop = () => dropLeases(taken, { container, process });
    } else findAddresses(addresses, request);
    return JSON.stringify(request);
  });
  // Also after a teardown that failed: nobody calls it again for a container that is gone.
  if (act === 'teardown') freeAddresses(addresses, request);
  else if (status !== 0) drop();
  return status;
}

/**
 * Run the launcher, and give its CMD what it gets on stdin once it says, on descriptor 3, that it is inside and has the
 * lock: the state directory, which has the addresses, is there only then.
 */
async function launch(
  { launcherOptions }: CliContext,
  verb: 'setup' | 'teardown' | 'run',
  options: readonly string[],
  command: readonly string[],
  input: (launcher: ProcessId) => string,
): Promise<number> {
  const child = spawn(SCRIPTS.launcher, [verb, ...launcherOptions, ...options, '--', ...command], {
    stdio: ['pipe', 'inherit', 'inherit', 'pipe'],
  });
  const [stdin, , , inside] = child.stdio;
  const ended = once(child, 'exit') as Promise<[number | null]>;
  // A CMD that ends without reading is no error of ours.
  stdin?.on('error', () => undefined);
  try {
    await Promise.race([once(inside as Readable, 'data'), ended]);
    stdin?.end(input(identifyProcess(child.pid ?? 0) ?? { pid: 0, startTicks: 0 }));
  } catch (error) {
    // Without input nothing is done, nor counted.
    stdin?.end();
    await ended;
    throw error;
  }
  const [status] = await ended;
  return status ?? EXIT.failed;
}

/** What netavark keeps, and the addresses that are taken. */
const directoryOf = ({ state }: CliContext): string => join(state.path, 'netavark');

/** The call of netavark by scripts/netavark.sh. aardvark-dns is optional: without it there are no names. */
function wrapper(
  context: CliContext,
  act: string,
  seconds: number,
  netns: string,
  interfaces: readonly string[],
): string[] {
  const { config, env } = context;
  const directories = [...config.engine.helperBinariesDirs, ...(env.PATH ?? '').split(':')];
  const netavark = findProgram('netavark', directories);
  if (netavark === undefined) {
    throw new RnetnsError('ERR_PROGRAM_MISSING', `cannot call netavark: it was not found in ${directories.join(':')}`, {
      hint: 'sudo apt-get install netavark aardvark-dns',
    });
  }
  const aardvark = findProgram('aardvark-dns', directories);
  const directory = directoryOf(context);
  return [
    ...['sh', '-c', readFileSync(SCRIPTS.netavark, 'utf8'), 'netavark.sh', act, String(seconds)],
    ...[directory, netns, interfaces.join(' ')],
    ...[netavark, '--config', directory, '--rootless', 'true'],
    ...(aardvark === undefined ? [] : ['--aardvark-binary', aardvark]),
  ];
}
