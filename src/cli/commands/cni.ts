import { Command } from 'commander';
import type { CachedAttachment } from '../../cni/cache.js';
import { CniError } from '../../cni/error.js';
import { loadNetworks } from '../../cni/load.js';
import type { NetworkList } from '../../cni/network-conf.js';
import { isObject, type JsonObject } from '../../state/json.js';
import { RnetnsError } from '../../errors/error.js';
import {
  attach,
  attachments,
  check,
  collectGarbage,
  detach,
  networkStatus,
  type AttachOptions,
} from '../cni/attach.js';
import { warnOfDeleted } from '../cni/deleted.js';
import { installPlugin } from '../cni/install.js';
import { directories, findAttachedList, findList, findToday } from '../cni/networks.js';
import { runAsPlugin } from '../cni/plugin.js';
import { PLUGIN_TIMEOUT_S, type CniContext } from '../cni/session.js';
import { makeContext, type CommonOptions } from '../context.js';
import { interruptible } from '../interruptible.js';
import { print, toJson } from '../report.js';
import { printable } from '../../text/printable.js';
import { timeoutOption } from '../timeout-option.js';

interface CniOptions extends CommonOptions {
  ifname: string;
  args: string;
  capability?: string;
  force?: boolean;
  timeout: number;
}

export function cniCommand(): Command {
  const cni = new Command('cni')
    .description('CNI network lists, by real plugins, inside the shared namespace')
    .option('--json', 'data and errors as JSON')
    .addOption(timeoutOption('for each call of a plugin', PLUGIN_TIMEOUT_S))
    .addHelpText('after', EXAMPLES);
  const attachment = (name: string, description: string, netns: string): Command =>
    cni
      .command(name)
      .description(description)
      .argument('<network>', 'name of a network list in ~/.config/cni/net.d or /etc/cni/net.d')
      .argument('<container-id>')
      .argument(netns, 'path of its network namespace, or the name of one of `rnetns netns`')
      .option('--ifname <name>', 'interface in the container', 'eth0')
      .option('--json', 'errors as JSON');
  const withArguments = (command: Command): Command =>
    command
      .option('--args <args>', "CNI_ARGS: K=V;K=V; after IgnoreUnknown=1 plugins ignore what they don't know", '')
      .option('--capability <json>', 'an object of what is given for capabilities: {"portMappings":[…]}');

  withArguments(attachment('add', 'put a container on a network; its id becomes a reference', '<netns>')).action(
    async (network: string, containerId: string, netns: string, _options: unknown, command: Command) => {
      const { context, options } = prepare(command);
      const interruption = interruptible('cni add');
      const result = await attach(
        { ...context, interruption },
        findList(context, network),
        given(containerId, netns, options),
      );
      process.stdout.write(`${toJson(result)}\n`);
    },
  );
  withArguments(attachment('del', 'take it off again, and drop the reference with its last attachment', '[netns]'))
    .option('--force', 'whatever its plugins say: their words are warnings, and it is off')
    .action(
      async (network: string, containerId: string, netns: string | undefined, _options: unknown, command: Command) => {
        const { context, options } = prepare(command);
        const { force } = options;
        await detach(
          context,
          network,
          { ...given(containerId, netns ?? '', options), force },
          findToday(context, network),
        );
      },
    );
  attachment('check', 'is it on the network as it was put there?', '[netns]').action(
    async (network: string, containerId: string, netns: string | undefined, _options: unknown, command: Command) => {
      const { context, options } = prepare(command);
      const { ifname: ifName } = options;
      await check(context, network, { containerId, netns: netns ?? '', ifName }, findToday(context, network));
    },
  );
  const whole = (
    name: string,
    description: string,
    act: (context: CniContext, network: string) => Promise<void>,
  ): void => {
    cni
      .command(name)
      .description(description)
      .argument('<network>')
      .option('--json', 'errors as JSON')
      .action(async (network: string, _options: unknown, command: Command) => {
        const { context } = prepare(command);
        await act(context, network);
      });
  };
  whole('gc', 'free what no container with a reference owns, as after a killed add', (context, network) =>
    collectGarbage(context, findAttachedList(context, network, attachments(context))),
  );
  whole('status', 'could a container be added now?', (context, network) =>
    networkStatus(context, findList(context, network)),
  );
  cni
    .command('install')
    .description('put the plugin of type rnetns into a plugin directory: it runs its delegates in the shared namespace')
    .argument('<directory>')
    .option('--json', 'as JSON')
    .action((directory: string, _options: unknown, command: Command) => {
      const { json } = command.optsWithGlobals<CniOptions>();
      const file = installPlugin(directory);
      print(json, { file }, () => file);
    });
  cni.command('plugin', { hidden: true }).action(async () => {
    process.exitCode = await runAsPlugin();
  });
  cni
    .command('deleted', { hidden: true })
    .argument('<netns>')
    .action((netns: string, _options: unknown, command: Command) => warnOfDeleted(prepare(command).context, netns));
  cni
    .command('list', { isDefault: true })
    .description('the networks, with the containers on them')
    .option('--json', 'as JSON')
    .action((_options: unknown, command: Command) => {
      const { context, options } = prepare(command);
      const all = listNetworks(context);
      print(options.json, all, () => all.map(describe).join('\n'));
    });
  return cni;
}

const EXAMPLES = `
Examples:
  rnetns netns add web
  rnetns cni add rnetns web web --capability \\
    '{"portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp"}]}'
  rnetns cni del rnetns web web`;

function prepare(command: Command): { context: CniContext; options: CniOptions } {
  const options = command.optsWithGlobals<CniOptions>();
  return { context: { ...makeContext(options), pluginTimeoutMs: options.timeout * 1000 }, options };
}

function given(containerId: string, netns: string, { ifname, args, capability }: CniOptions): AttachOptions {
  return { containerId, netns, ifName: ifname, args, capabilityArgs: parseCapability(capability) };
}

function parseCapability(text: string | undefined): JsonObject {
  if (text === undefined) return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  if (isObject(value)) return value;
  throw new RnetnsError('ERR_USAGE', `--capability must be a JSON object, but is ${text}`, {
    hint: `such as '{"portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp"}]}'`,
  });
}

interface ListedNetwork {
  name: string;
  /** null: what is attached came from a file that is gone, or from a runtime that calls the plugin of type rnetns. */
  file: string | null;
  plugins: string[];
  /** unfinished: its add is at work, was killed, or has failed and could not be undone. */
  attachments: { containerId: string; ifName: string; netns: string; unfinished: boolean }[];
}

function listNetworks(context: CniContext): ListedNetwork[] {
  const attached = attachments(context);
  const { networks, skipped } = loadNetworks(directories());
  for (const { file, reason } of skipped) context.log.warn(`${file} is left out: ${reason}`);
  const found = new Map(networks.map(({ list, file }) => [list.name, { list, file }]));
  const names = new Set([...found.keys(), ...attached.map(({ network }) => network)]);
  return [...names].map((name) => {
    const { list, file = null } = found.get(name) ?? { list: attachedToday(context, name, attached) };
    return {
      name,
      file,
      plugins: list?.plugins.map(({ type }) => type) ?? [],
      attachments: attached
        .filter(({ network }) => network === name)
        .map(({ containerId, ifName, netns, unfinished }) => ({
          containerId,
          ifName,
          netns,
          unfinished: unfinished !== undefined,
        })),
    };
  });
}

/** What an attachment says of its network; undefined when that can't be read. */
function attachedToday(
  context: CniContext,
  network: string,
  attached: readonly CachedAttachment[],
): NetworkList | undefined {
  try {
    return findAttachedList(context, network, attached);
  } catch (error) {
    if (error instanceof CniError) return undefined;
    throw error;
  }
}

function describe({ name, file, plugins, attachments: attached }: ListedNetwork): string {
  const containers = attached.map(
    ({ containerId, ifName, netns, unfinished }) =>
      `  ${containerId} ${ifName} ${netns}${unfinished ? ' (unfinished)' : ''}`,
  );
  return [`${name.padEnd(16)} ${plugins.join(' ')} (${file ?? 'without a file'})`, ...containers]
    .map(printable)
    .join('\n');
}
