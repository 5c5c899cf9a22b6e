/**
 * Blast radius: five commands and five references are live when each step of a newcomer, and of a repair, fails in turn.
 * They keep the same network namespace, the count is exact, and with a driver that lives they keep their connection.
 */

import { expect } from 'chai';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gatewayIn } from '../fixtures/netns-facts.js';
import { alive, namespaceInode, waitFor } from '../fixtures/processes.js';
import { act, counted, lingering, startProcess, succeeded, type Process } from '../fixtures/references.js';
import { findProgram, requires } from '../fixtures/requirements.js';
import { launcher, run, spawnRnetns } from '../fixtures/rnetns.js';
import type { RuntimeDir } from '../fixtures/runtime-dir.js';
import { tcpServer } from '../fixtures/servers.js';
import {
  gone,
  killNow,
  netnsOfNewRun,
  partsOf,
  startCommand,
  type Command,
  type Role,
} from '../fixtures/shared-netns.js';
import { onTestEnd } from '../fixtures/test-end.js';

const REFERENCES = ['a 1', 'b 2', 'c 1', 't 1'];
const ANONYMOUS = 3;

interface Residents {
  netns: number;
  /** Throws unless all of them are as they were; what is being mended by itself has time for it. */
  expectKept: (when: string) => Promise<void>;
  /** Through the driver, from inside a command that was there from the beginning. */
  expectConnected: (when: string) => Promise<void>;
  leave: () => Promise<void>;
}

/** Prints what the host's server says, for each line on stdin. */
const ASK =
  'while read -r gateway port; do timeout 5 bash -c \'exec 3<>"/dev/tcp/$0/$1" && cat <&3\' "$gateway" "$port"; echo " ."; done';

/** Five commands and five references of every kind: ids, one with two nets, one tied to a process, and those without an id. */
async function moveIn(runtime: RuntimeDir): Promise<Residents> {
  const { env } = runtime;
  const server = await tcpServer('reached');
  const asker = spawnRnetns(['run', '--', 'sh', '-c', `echo up; ${ASK}`], { env });
  await waitFor(() => asker.stdout().includes('up\n'), {
    what: () => `the first: ${asker.stderr()}`,
  });
  const commands: Command[] = [];
  for (let count = 1; count < 5; count += 1) commands.push(await startCommand(runtime));
  const tied: Process = await startProcess();
  for (const args of [
    ['--id', 'a'],
    ['--id', 'b', '--nets', '2'],
    ['--id', 'c', '--', 'true'],
    ['--id', 't', '--pid', String(tied.pid)],
    ['--nets', String(ANONYMOUS)],
  ]) {
    expect(await act(runtime, 'setup', ...args)).to.deep.equal(succeeded);
  }
  const netns = namespaceInode(asker.pid);
  const gateway = gatewayIn(asker.pid);
  const refCount = REFERENCES.reduce((sum, words) => sum + Number(words.split(' ')[1]), ANONYMOUS);
  let asked = 0;
  return {
    netns: netns ?? 0,
    async expectKept(when) {
      for (const pid of [asker.pid, ...commands.map((command) => command.pid)]) {
        expect(alive(pid) && namespaceInode(pid), `${when}: the namespace of a command`).to.equal(netns);
      }
      const { references, refCount: count } = await counted(runtime);
      expect({ references, count }, when).to.deep.equal({ references: REFERENCES, count: refCount });
    },
    async expectConnected(when) {
      asked += 1;
      asker.child.stdin?.write(`${gateway} ${server.port}\n`);
      await waitFor(() => asker.stdout().split(' .\n').length > asked, { what: 'an answer' });
      expect(server.arrivals(), `${when}: ${asker.stdout()}`).to.equal(asked);
    },
    async leave() {
      for (const id of ['a', 'b', 'c']) expect(await act(runtime, 'teardown', '--id', id)).to.deep.equal(succeeded);
      expect(await act(runtime, 'teardown', '--nets', String(ANONYMOUS))).to.deep.equal(succeeded);
      await tied.end();
      for (const command of commands) await command.finish();
      asker.child.stdin?.end();
      await asker.ended;
      await gone(runtime);
    },
  };
}

const BASE = '[rnetns]\nlinger = 0\n[network]\ndefault_rootless_network_cmd = pasta\npasta_options[] = --map-gw\n';

/** A directory for PATH with one program in it. */
function program(name: string, script: string): string {
  const dir = mkdtempSync('/tmp/rnetns-program-');
  onTestEnd(() => rmSync(dir, { recursive: true, force: true }));
  const file = join(dir, name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  return dir;
}

function withFirst({ env }: RuntimeDir, dir: string): NodeJS.ProcessEnv {
  return { ...env, PATH: `${dir}${delimiter}${env.PATH ?? ''}` };
}

/** A `node` whose `call`s fail with `error`; its main thread only, for what it starts lives on. */
function failing(call: string, error: string): string {
  const inject = `-e trace=${call} -e inject=${call}:error=${error}`;
  return program('node', `exec ${findProgram('strace') ?? ''} -qq -o /dev/null ${inject} ${process.execPath} "$@"`);
}

interface Failure {
  what: string;
  /** The environment of the call that is to fail. */
  arrange: (runtime: RuntimeDir) => NodeJS.ProcessEnv;
}

const FAILURES: Failure[] = [
  {
    what: 'the settings naming `false` as the driver',
    arrange(runtime) {
      runtime.configure(`${BASE}[engine]\nnetwork_cmd_path = /bin/false\n`);
      return runtime.env;
    },
  },
  { what: 'pasta in PATH being `false`', arrange: (runtime) => withFirst(runtime, program('pasta', 'exit 1')) },
  {
    what: 'settings that are wrong',
    arrange(runtime) {
      runtime.configure('[network]\nnonsense = 1\n');
      return runtime.env;
    },
  },
  {
    what: 'mounts refused',
    arrange: (runtime) => withFirst(runtime, program('mount', 'echo "mount: permission denied" >&2; exit 32')),
  },
  { what: 'nsenter failing', arrange: (runtime) => withFirst(runtime, program('nsenter', 'exit 1')) },
  { what: 'unshare failing', arrange: (runtime) => withFirst(runtime, program('unshare', 'exit 1')) },
  { what: 'no space left to write in', arrange: (runtime) => withFirst(runtime, failing('write', 'ENOSPC')) },
  { what: 'files that cannot be synced', arrange: (runtime) => withFirst(runtime, failing('fsync', 'EIO')) },
  {
    what: 'files that cannot be renamed',
    arrange: (runtime) => withFirst(runtime, failing('rename', 'EACCES')),
  },
  {
    what: 'no process that can be started',
    arrange: (runtime) => withFirst(runtime, failing('vfork,clone,clone3,fork', 'EAGAIN')),
  },
  { what: 'node ending at once', arrange: (runtime) => withFirst(runtime, program('node', 'exit 1')) },
  { what: 'node killed', arrange: (runtime) => withFirst(runtime, program('node', 'kill -9 $$')) },
];

const DEAD: Role[][] = [[], ['keeper', 'supervisor'], ['guard', 'supervisor', 'driver']];

describe('five commands and five references', function () {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta', 'ptrace');
  });

  for (const dead of DEAD) {
    it(`${dead.length === 0 ? '' : `whose ${dead.join(', ')} died `}survive each failure of a newcomer and of repair`, async function () {
      const runtime = lingering(this, 0);
      runtime.configure(BASE);
      const residents = await moveIn(runtime);
      await residents.expectConnected('at first');
      const outcomes: string[] = [];
      for (const { what, arrange } of FAILURES) {
        await killNow(...dead.map((role) => partsOf(runtime)[role]));
        const env = arrange(runtime);
        for (const args of [['setup', '--id', 'new', '--', 'false'], ['run', '--', 'false'], ['repair']]) {
          const { status, timedOut } = await run(args, { env });
          expect(timedOut, `${args.join(' ')}, with ${what}`).to.be.false;
          outcomes.push(String(status));
          await residents.expectKept(`${args.join(' ')}, with ${what}`);
          if (!dead.includes('driver')) await residents.expectConnected(`${args.join(' ')}, with ${what}`);
        }
        runtime.configure(BASE);
        const netns = await netnsOfNewRun(runtime).catch((cause: unknown) => {
          throw new Error(`after ${what}: ${String(cause)}`, { cause });
        });
        expect(netns, `mended after ${what}`).to.equal(residents.netns);
        await residents.expectKept(`mended after ${what}`);
        await residents.expectConnected(`mended after ${what}`);
      }
      console.log(
        `      ${outcomes.length} calls, ${outcomes.filter((status) => status === '125').length} of them failed themselves`,
      );
      await residents.leave();
    });
  }

  it("survive a kill of node, of the lock's owner and of the launcher at many moments of mending", async function () {
    const runtime = lingering(this, 0);
    runtime.configure(BASE);
    const residents = await moveIn(runtime);
    let kills = 0;
    for (let delayMs = 0; delayMs <= 240; delayMs += 20) {
      const parts = partsOf(runtime);
      await killNow(parts.keeper, parts.supervisor);
      for (const args of [['setup', '--id', 'new', '--', 'false'], ['repair']]) {
        // In a process group of its own: launcher, Node and what they wait for die in one moment.
        const call = spawnRnetns([launcher, ...args], { env: runtime.env, file: 'setsid' });
        await sleep(delayMs);
        if (call.child.exitCode === null) {
          try {
            process.kill(args[0] === 'repair' ? call.pid : -call.pid, 'SIGKILL');
            kills += 1;
          } catch {
            // It ended this very moment.
          }
        }
        await call.ended;
        await residents.expectKept(`${args.join(' ')} killed after ${delayMs} ms`);
      }
      expect(await netnsOfNewRun(runtime), `mended after ${delayMs} ms`).to.equal(residents.netns);
      await residents.expectConnected(`mended after ${delayMs} ms`);
    }
    console.log(`      ${kills} kills`);
    expect(kills).to.be.at.least(3);
    await residents.leave();
  });
});
