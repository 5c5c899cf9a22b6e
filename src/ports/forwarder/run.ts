import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, fstatSync, openSync, statSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { processLine, recordedProcess } from '../../namespace/proof.js';
import type { StateDirectory } from '../../state/directory.js';
import { isSameFile, makeDirectory } from '../../state/files.js';
import { commandLine, identifyProcess, isAlive, killProcess } from '../../state/process.js';
import { portsDirectory } from '../desired.js';
import { serveQuestions } from './control-server.js';
import { Inside } from './inside.js';
import { serveRequests } from './request-server.js';
import { PortTable } from './table.js';

/**
 * Theory of operation: the forwarder
 *
 * It is on the host's network, in O and M0, and makes the host's sockets that listen. A connector of its own is on the shared network,
 * in O as well (connector.ts), gets those sockets, and has the clients and the data. What is to be open is in files
 * (../desired.ts), which it follows: at once when somebody asks it to, soon by inotify(7), and by looking, should that fail.
 *
 * 1. scripts/forwarder.sh has made sure that there is one, and that descriptor 8 is a file that shows who it is
 * 2. the connector, the socket for questions, the ports that are desired, "ready"
 * 3. owners are looked at twice a second: a port is gone before a second is over
 * 4. it ends when there has been no port for a while, or no state directory: whoever wants one starts it again. With the
 *    namespace it ends as everything in M0 does (scripts/teardown.sh)
 */
const LOOK_MS = 400;
const SOON_MS = 20;
/** Every so many looks the files are read, idle clients forgotten, and failed ports tried again. */
const LOOKS_BETWEEN = 5;
const ENDING_MS = 1000;
/** Looks without a port until the end. */
const IDLE_LOOKS = 12;

export interface ForwarderProgram {
  state: StateDirectory;
  generation: string;
  /** The command line of the connector's program. */
  connector: readonly string[];
  env: Readonly<Record<string, string>>;
  onReady: () => void;
}

/** Runs until there is nothing left to do. */
export async function runForwarder(program: ForwarderProgram): Promise<void> {
  const { state } = program;
  makeDirectory(portsDirectory(state));
  await endForsaken(state);
  const inside = new Inside(() => startConnector(program));
  const table = new PortTable(state, inside);
  let stopAnswering = await serveQuestions(state, table);
  await table.follow();
  await inside.ready;
  const requests = serveRequests({ ...program, follow: (names) => table.followed(names) });
  program.onReady();
  let isComing = false;
  const watcher = watch(portsDirectory(state), () => {
    // One look for all that are made together.
    if (!isComing) setTimeout(() => void ((isComing = false), table.follow()), SOON_MS);
    isComing = true;
  });
  watcher.on('error', () => undefined);

  for (let looks = 1, idle = 0; isOurs(state); looks += 1) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    table.closeForsaken();
    if (looks % LOOKS_BETWEEN === 0) {
      table.look();
      await table.follow();
    }
    idle = table.size === 0 ? idle + 1 : 0;
    if (idle < IDLE_LOOKS) continue;
    // Whoever asks from now on finds nobody and starts another one; who has asked before has a file there.
    stopAnswering();
    const before = requests();
    await table.follow();
    await new Promise((resolve) => setTimeout(resolve, SOON_MS));
    if (table.size === 0 && requests() === before) break;
    stopAnswering = await serveQuestions(state, table);
    idle = 0;
  }
  watcher.close();
  inside.close();
}

/** The state directory goes with its namespace; what is there then by its name is another one's. */
function isOurs({ outside }: StateDirectory): boolean {
  try {
    return isSameFile(fstatSync(8), statSync(`${outside}/forwarder`));
  } catch {
    return false;
  }
}

const connectorFile = ({ outside }: StateDirectory): string => join(outside, 'connector');

/** A connector ends when its forwarder has died, but not while it is stopped, and then the ports would be in use. */
async function endForsaken(state: StateDirectory): Promise<void> {
  const known = recordedProcess(connectorFile(state));
  if (known === undefined) return;
  killProcess(known);
  // As a zombie, which somebody else may be slow to wait for, it has nothing open any more.
  const isThere = (): boolean => isAlive(known) && commandLine(known.pid).length > 0;
  for (let left = ENDING_MS; isThere() && left > 0; left -= 10) await new Promise((done) => setTimeout(done, 10));
}

/** With the keeper's FIFO on descriptor 4, which tells that it is no use of the namespace (scripts/reap.sh). */
function startConnector({ state, generation, connector, env }: ForwarderProgram): ChildProcess {
  const fifo = openSync(state.keeperFifo(generation), 'r+');
  try {
    const child = spawn('nsenter', [`--net=${state.netns}`, '--', ...connector], {
      env: { ...env },
      cwd: '/',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc', fifo],
    });
    const known = identifyProcess(child.pid ?? 0);
    if (known !== undefined) writeFileSync(connectorFile(state), processLine(known));
    return child;
  } finally {
    closeSync(fifo);
  }
}
