import { Command, Option } from 'commander';
import { RnetnsError } from '../../errors/error.js';
import { closePorts } from '../../ports/close.js';
import { listPorts, type ListedPort } from '../../ports/listing.js';
import { meantBy } from '../../ports/meant.js';
import { isOwnerThere, isSameOwner } from '../../ports/owner.js';
import { generationUp } from '../../ports/place.js';
import { describeOwner, nameOf, type Owner, type Port } from '../../ports/port.js';
import { inWords } from '../../ports/words.js';
import { checkNetwork, checkPorts, publishPorts } from '../../ports/publish.js';
import { parseSpecification, parseToHost } from '../../ports/specification.js';
import { readLive } from '../../state/live.js';
import { identifyProcess } from '../../state/process.js';
import { ID } from '../../state/references.js';
import { describePorts } from '../describe-ports.js';
import { makeContext, stateOf, type CommonOptions } from '../context.js';
import { print } from '../report.js';
import { screenOf } from '../screen.js';

interface OwnerOptions extends CommonOptions {
  id?: string;
  pid?: string;
}
interface AddOptions extends OwnerOptions {
  toHost?: boolean;
  /** The launcher's: open nothing, only say what stands against it. */
  check?: boolean;
  /** The launcher's: in place of what this owner has; only what was chosen is printed. */
  instead?: boolean;
  proxyProtocol?: 'v1' | 'v2';
}

/** `port add|delete|list` */
export function portCommand(): Command {
  const port = new Command('port')
    .description('ports of the namespace, or of a container in it, on the host')
    .option('--json', 'as JSON')
    .addHelpText('after', EXAMPLES);
  port
    .command('add')
    .description('publish ports of the namespace or a container on the host')
    .argument('<spec...>', 'as docker and podman write it, such as 127.0.0.1:8080:80/udp; see the examples')
    .option('--to-host', "the other way: the host's 127.0.0.1:PORT at 127.0.0.1:PORT inside")
    .option('--id <id>', 'for as long as this reference is there')
    .option('--pid <pid>', 'for as long as this process lives')
    .addOption(new Option('--proxy-protocol <version>', 'tell the server who the client is').choices(['v1', 'v2']))
    .addOption(new Option('--check').hideHelp())
    .addOption(new Option('--instead').hideHelp())
    .option('--json', 'as JSON')
    .action((specs: string[], _options: AddOptions, command: Command) => add(specs, command.optsWithGlobals()));
  port
    .command('delete')
    .alias('del')
    .description('close ports again; what is not open is no error')
    .argument('[port...]', '[HOSTIP:]HOSTPORT[-END][/tcp|/udp], or as they were added')
    .option('--to-host', 'those that lead to the host')
    .option('--id <id>', 'all of this reference')
    .option('--json', 'as JSON')
    .action((words: string[], _options: AddOptions, command: Command) => remove(words, command.optsWithGlobals()));
  port
    .command('list', { isDefault: true })
    .description('all of them, and to whom they are open')
    .option('--json', 'as JSON')
    .action(async (_options: CommonOptions, command: Command) => {
      const options = command.optsWithGlobals<CommonOptions>();
      const ports = await listPorts(stateOf(options));
      print(options.json, ports, () =>
        ports.length === 0 ? 'no port is published' : describePorts(ports, screenOf(process.stdout)),
      );
    });
  return port;
}

const EXAMPLES = `
Examples:
  rnetns port add 8080:80
  rnetns port add '[::1]::8000-8010/udp'
  rnetns port add --id web 127.0.0.1:8443:10.89.0.2:443
  rnetns port add --to-host 5432
  rnetns port delete 8080
  rnetns port list --json | jq -r .[].hostPort`;

async function add(specs: readonly string[], options: AddOptions): Promise<void> {
  const { toHost = false, proxyProtocol } = options;
  const requests = specs.flatMap(toHost ? parseToHost : parseSpecification);
  if (proxyProtocol !== undefined && (toHost || requests.some(({ protocol }) => protocol === 'udp'))) {
    throw new RnetnsError('ERR_USAGE', 'port add: --proxy-protocol is for published TCP ports', {
      hint: 'publish the others in a call of their own',
    });
  }
  const context = makeContext(options, { givenOnly: true });
  const { state, env, log } = context;
  const unowned = requests.map((request) => ({ ...request, toHost, proxyProtocol }));
  if (options.check === true) return checkPorts(state, unowned);
  const generation = generationUp(state, 'publish a port');
  checkNetwork(readLive(state)?.supervisor.pid ?? 0);
  const owner = ownerOf(options);
  if (!isOwnerThere(state, owner)) {
    throw new RnetnsError('ERR_REFERENCES', `there is no reference ${describeOwner(owner).replace(/^\S+ \S+ /, '')}`, {
      hint: 'rnetns status shows them; rnetns setup --id ID makes one',
    });
  }
  if (options.instead === true) await closePorts(state, (port) => isSameOwner(port.owner, owner));
  const asked = unowned.map((request): Port => ({ ...request, owner }));
  const ports = await publishPorts({ state, generation, env, warn: (message) => log.warn(message) }, asked);
  if (options.instead === true) {
    const chosen = ports.filter((_, index) => asked[index]?.hostPort === 0);
    if (chosen.length > 0) print(false, chosen, () => chosen.map(inWords).join('\n'));
    return;
  }
  const all = new Map((await listPorts(state)).map((port) => [nameOfListed(port), port]));
  // In the order in which they were asked for.
  const listed = ports.flatMap((port) => all.get(nameOf(port)) ?? []);
  print(options.json, listed, () => ports.map(inWords).join('\n'));
}

function ownerOf({ id, pid }: OwnerOptions): Owner {
  if (id !== undefined && pid !== undefined) {
    throw new RnetnsError('ERR_USAGE', 'port add: --id and --pid do not go together', { hint: 'name one owner' });
  }
  if (pid !== undefined) {
    const process = /^[1-9]\d{0,9}$/.test(pid) ? identifyProcess(Number(pid)) : undefined;
    if (process !== undefined) return { kind: 'process', process };
    throw new RnetnsError('ERR_PROCESS', `there is no process ${JSON.stringify(pid)}`, {
      hint: 'give the pid of one that runs',
    });
  }
  if (id === undefined) return { kind: 'namespace' };
  if (ID.test(id)) return { kind: 'reference', id };
  throw new RnetnsError('ERR_USAGE', `port add: bad id ${JSON.stringify(id)}`, {
    hint: 'ids are up to 128 letters, digits, and _ . - after the first',
  });
}

async function remove(words: readonly string[], options: AddOptions): Promise<void> {
  const { toHost = false, id } = options;
  if (words.length === 0 && id === undefined) {
    throw new RnetnsError('ERR_USAGE', 'port delete: neither a port nor --id is given', { hint: 'rnetns port list' });
  }
  const state = stateOf(options);
  if (readLive(state) !== undefined) generationUp(state, 'close a port');
  const closed = await closePorts(state, meantBy(words, { id, toHost }));
  print(
    options.json,
    closed.map(({ hostIp, hostPort, protocol }) => ({ hostIp, hostPort, protocol })),
    () => '',
  );
}

function nameOfListed({ toHost, protocol, hostPort, hostIp }: ListedPort): string {
  return nameOf({ toHost, protocol, hostPort, hostIp, targetIp: '', targetPort: 1, proxyProtocol: undefined });
}
