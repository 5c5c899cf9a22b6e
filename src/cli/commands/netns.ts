import { Command } from 'commander';
import { RnetnsError } from '../../errors/error.js';
import { listNamed, type NamedNetns } from '../../inspect/named.js';
import { namedNamespaces } from '../../namespace/names.js';
import { processesInWords } from '../../text/users.js';
import type { StateDirectory } from '../../state/directory.js';
import { namespaceInode, processesInNetns } from '../../state/process.js';
import { stateOf, type CommonOptions } from '../context.js';
import { print } from '../report.js';

/** `netns list|pids|identify`; the others are the launcher's, and here for their help. */
export function netnsCommand(): Command {
  const netns = new Command('netns')
    .description('named network namespaces of the same user namespace, as ip-netns(8) has them')
    .option('--json', 'as JSON')
    .addHelpText('after', EXAMPLES);
  netns
    .command('list', { isDefault: true })
    .description('all of them, a line each')
    .option('--json', 'as JSON')
    .action((_options: CommonOptions, command: Command) => {
      const options = command.optsWithGlobals<CommonOptions>();
      const all = listNamed(stateOf(options));
      print(options.json, all, () => all.map(describe).join('\n'));
    });
  netns
    .command('pids')
    .description('the processes in one')
    .argument('<name>')
    .option('--json', 'as JSON')
    .action((name: string, _options: CommonOptions, command: Command) => {
      const options = command.optsWithGlobals<CommonOptions>();
      const pids = processesInNetns(existing(stateOf(options), name));
      print(options.json, pids, () => pids.join('\n'));
    });
  netns
    .command('identify')
    .description('the names of the namespace that a process is in; its caller without one')
    .argument('[pid]')
    .option('--json', 'as JSON')
    .action((pid: string | undefined, _options: CommonOptions, command: Command) => {
      const options = command.optsWithGlobals<CommonOptions>();
      const inode = inodeOfProcess(pid);
      const names = listNamed(stateOf(options))
        .filter((named) => named.inode === inode)
        .map(({ name }) => name);
      print(options.json, names, () => names.join('\n'));
    });
  for (const [usage, description] of LAUNCHERS) {
    const [name = '', ...operands] = usage.split(' ');
    const command = netns.command(name).usage(operands.join(' ')).description(description);
    if (name === 'delete') command.alias('del');
    for (const operand of operands) if (operand !== '[--]') command.argument(operand);
    command.action(() => {
      throw new RnetnsError('ERR_USAGE', `netns ${name} is a command of the launcher`, {
        hint: 'call the rnetns program itself, not dist/cli/main.cjs',
      });
    });
  }
  return netns;
}

const LAUNCHERS = [
  ['add <name>', 'make one, with its loopback up; it holds the shared namespace until it is deleted'],
  ['attach <name> <pid>', "give the process's network namespace a name"],
  ['delete <name>', 'remove the name; the namespace itself goes with its last process'],
  ['exec <name> [--] <cmd> [arg...]', 'run CMD in it; becomes CMD'],
] as const;

const EXAMPLES = `
Examples:
  rnetns netns add web
  rnetns netns exec web -- ip addr
  rnetns netns list --json | jq -r .[].name`;

function describe({ name, inode, processes }: NamedNetns): string {
  return `${name.padEnd(24)} ${String(inode).padEnd(12)} ${processesInWords(processes)}`;
}

function existing(state: StateDirectory, name: string): number {
  const inode = namedNamespaces(state).get(name);
  if (inode !== undefined) return inode;
  throw new RnetnsError('ERR_NETNS', `there is no network namespace ${JSON.stringify(name)}`, {
    hint: 'rnetns netns list',
  });
}

function inodeOfProcess(pid: string | undefined): number {
  if (pid !== undefined && !/^[1-9]\d*$/.test(pid)) {
    throw new RnetnsError('ERR_USAGE', `netns identify needs the number of a process, but got ${JSON.stringify(pid)}`, {
      hint: 'rnetns netns identify --help',
    });
  }
  const inode = namespaceInode(pid === undefined ? 'self' : Number(pid), 'net');
  if (inode !== undefined) return inode;
  throw new RnetnsError('ERR_PROCESS', `cannot see the network namespace of process ${pid ?? 'self'}`, {
    hint: 'it has ended, or is not yours',
  });
}
