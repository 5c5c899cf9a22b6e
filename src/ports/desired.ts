import { linkSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { writeError, type StateDirectory } from '../state/directory.js';
import { makeDirectory, readOptional, writeAtomic } from '../state/files.js';
import { bootId } from '../state/process.js';
import { parseIp } from '../plan/ip.js';
import { ID } from '../state/references.js';
import { nameOf, type Owner, type Port } from './port.js';

/**
 * Which ports are to be open: a file for each in `.outside/NAME/ports`, which those inside don't see. Whoever makes or removes
 * one changes what is to be; the forwarder follows. One line, for sh to read as well:
 *
 *     rnetns1 publish|to-host tcp|udp HOSTIP HOSTPORT TARGETIP TARGETPORT PROXY OWNER ID PID START-TIME BOOT-ID .
 *
 * OWNER `cni` and `netavark` are attachments: ID is CONTAINER/NETWORK/INTERFACE then, and the process who attaches it. `-` stands for what is empty, and the point at its end tells a torn line. A file that isn't what its name says is none of
 * ours and counts for nothing.
 */
export function portsDirectory({ outside }: StateDirectory): string {
  return join(outside, 'ports');
}

const LINE = new RegExp(
  '^rnetns1 (publish|to-host) (tcp|udp) ([0-9a-f.:]+|-) (\\d{1,5}) ([0-9a-f.:]+|-) (\\d{1,5}) (v1|v2|-) ' +
    '(namespace|reference|process|cni|netavark) (\\S{1,400}) (\\d{1,10}) (\\d{1,20}) ([0-9a-f-]{1,64}) \\.\\n?$',
);

export function formatPort(port: Port, boot = bootId()): string {
  const { toHost, protocol, hostIp, hostPort, targetIp, targetPort, proxyProtocol = '-', owner } = port;
  const { pid, startTicks } = 'process' in owner ? owner.process : { pid: 0, startTicks: 0 };
  const words = [
    ...['rnetns1', toHost ? 'to-host' : 'publish', protocol],
    ...[hostIp || '-', hostPort, targetIp || '-', targetPort, proxyProtocol],
    ...[owner.kind === 'attachment' ? owner.by : owner.kind, idOf(owner), pid, startTicks, boot, '.'],
  ];
  return `${words.join(' ')}\n`;
}

function idOf(owner: Owner): string {
  if (owner.kind === 'attachment') return `${owner.container}/${owner.network}/${owner.ifName}`;
  return owner.kind === 'reference' ? owner.id : '-';
}

/** undefined for anything that formatPort did not write, or that is from another boot. */
export function parsePort(text: string, boot = bootId()): Port | undefined {
  const match = LINE.exec(text);
  if (match?.[12] !== boot) return undefined;
  const [direction, protocol, hostIp, hostPort, targetIp, targetPort, proxy, kind, id, pid, start] = match.slice(1);
  const [from, to] = [readPort(hostPort), readPort(targetPort)];
  const [hostAddress, targetAddress] = [readAddress(hostIp), readAddress(targetIp)];
  const owner = readOwner(kind, id, Number(pid), Number(start));
  if (!from || !to || hostAddress === undefined || targetAddress === undefined || owner === undefined) return undefined;
  return {
    toHost: direction === 'to-host',
    protocol: protocol === 'udp' ? 'udp' : 'tcp',
    hostIp: hostAddress,
    hostPort: from,
    targetIp: targetAddress,
    targetPort: to,
    proxyProtocol: proxy === 'v1' || proxy === 'v2' ? proxy : undefined,
    owner,
  };
}

function readPort(word = ''): number | undefined {
  const port = Number(word);
  return port >= 1 && port <= 65535 ? port : undefined;
}

function readAddress(word = ''): string | undefined {
  if (word === '-') return '';
  return parseIp(word) === undefined ? undefined : word;
}

function readOwner(kind = '', id = '', pid: number, startTicks: number): Owner | undefined {
  if (kind === 'namespace') return { kind };
  if (kind === 'reference') return ID.test(id) ? { kind, id } : undefined;
  if (pid === 0) return undefined;
  const process = { pid, startTicks };
  if (kind === 'process') return { kind, process };
  const [, container = '', network = '', ifName = ''] = /^([^/]+)\/([^/]+)\/([^/]+)$/.exec(id) ?? [];
  if (!ID.test(container)) return undefined;
  return { kind: 'attachment', by: kind === 'cni' ? kind : 'netavark', container, network, ifName, process };
}

/** The ports by the names of their files; without those that are damaged. */
export function readPorts(state: StateDirectory): Map<string, Port> {
  const found = new Map<string, Port>();
  for (const name of portNames(state)) {
    const port = readPortFile(state, name);
    if (port !== undefined) found.set(name, port);
  }
  return found;
}

export function portNames(state: StateDirectory): string[] {
  try {
    return readdirSync(portsDirectory(state)).filter((name) => !name.startsWith('.'));
  } catch {
    return [];
  }
}

export function readPortFile(state: StateDirectory, name: string): Port | undefined {
  const port = parsePort(readOptional(join(portsDirectory(state), name)) ?? '');
  return port !== undefined && nameOf(port) === name ? port : undefined;
}

/** What changes when the file does: it is never written anew, but may be removed and made again. */
export function stampOf(state: StateDirectory, name: string): string | undefined {
  const found = statSync(join(portsDirectory(state), name), { throwIfNoEntry: false });
  return found === undefined ? undefined : `${found.ino} ${found.ctimeMs}`;
}

/**
 * Ask for a port. Of two who ask for the same one gets it: link(2) replaces nothing.
 *
 * @returns false when there is one of that name already.
 * @throws RnetnsError ERR_STATE_DIR
 */
export function desirePort(state: StateDirectory, port: Port): boolean {
  const directory = portsDirectory(state);
  makeDirectory(directory);
  const path = join(directory, nameOf(port));
  const ready = join(directory, `.${process.pid}`);
  writeAtomic(ready, formatPort(port), `${ready}.tmp`);
  try {
    linkSync(ready, path);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw writeError(path, cause);
    // What is damaged is in nobody's use.
    if (readPortFile(state, nameOf(port)) !== undefined) return false;
    rmSync(path, { recursive: true, force: true });
    return desirePort(state, port);
  } finally {
    rmSync(ready, { force: true });
  }
}

/** What is gone already is success. */
export function dropPort(state: StateDirectory, name: string): void {
  rmSync(join(portsDirectory(state), name), { force: true });
}
