/** status, list, ps, graph and stop count the same things, and call them the same. */

import { expect } from 'chai';
import type { Graph } from '../../src/graph/graph.js';
import type { Inventory } from '../../src/inspect/inventory.js';
import type { Status } from '../../src/inspect/status.js';
import { requires } from '../fixtures/requirements.js';
import { run } from '../fixtures/rnetns.js';
import { freshRuntimeDir } from '../fixtures/runtime-dir.js';
import { startCommand } from '../fixtures/shared-netns.js';

/** A container: a network namespace on a bridge. */
const BRIDGED = `ip link add br0 up type bridge
  ip link add v1 up master br0 type veth peer name eth0 netns "$XDG_RUNTIME_DIR/netns/web"`;

describe('what uses a namespace', () => {
  before(function () {
    requires(this, 'userns', 'tun', 'pasta', 'ip');
  });

  it('is counted alike, and by the same words, by status, list, ps, graph and stop', async function () {
    const runtime = freshRuntimeDir(this);
    const { env } = runtime;
    const print = async (...args: string[]): Promise<string> => {
      const { status, stdout, stderr } = await run(args, { env });
      expect({ status, stderr }, args.join(' ')).to.deep.equal({ status: 0, stderr: '' });
      return stdout;
    };
    for (const name of ['web', 'alone']) await print('netns', 'add', name);
    await print('setup', '--id', 'many', '--nets', '10');
    await print('setup', '--nets', '2');
    for (const [setUp, containers] of [
      [':', 0],
      [BRIDGED, 1],
    ] as const) {
      const command = await startCommand(runtime, `${setUp}\nsleep 60 &`);
      const words = ['2 processes', ...(containers === 0 ? [] : ['1 container']), '14 references'].join(', ');
      const status = JSON.parse(await print('status', '--json')) as Status;
      expect(status).to.include({ processes: 2, containers, refCount: 14 });
      const text = await print('status');
      expect(text).to.match(new RegExp(`^default: running for \\d+ s; ${words}; goes `));
      expect(text).to.match(/^ {2}references +14\n/m);
      expect(await print('list')).to.match(new RegExp(`^default +running +pasta +${words}\n$`));
      const ps = JSON.parse(await print('ps', '--json')) as Inventory;
      expect(ps.processes.filter(({ netns }) => netns === null)).to.have.lengthOf(2);
      expect(ps.containers).to.have.lengthOf(containers);
      const { nodes } = JSON.parse(await print('graph', '--json')) as Graph;
      const titleOf = (id: string) => nodes.find((node) => node.id === id)?.title;
      expect(titleOf('processes')).to.equal('2 processes');
      expect(titleOf('references')).to.equal('14 references, 2 drawn elsewhere');
      expect(nodes.filter(({ kind, health }) => kind === 'container' && health !== 'idle')).to.have.lengthOf(
        containers,
      );
      const { stderr } = await run(['stop'], { env });
      expect(stderr).to.include('14 references of setup');
      const [sleep] = ps.processes.filter(({ command: [program] }) => program === 'sleep');
      process.kill(sleep?.pid ?? 0, 'SIGKILL');
      await command.finish();
    }
    await print('stop', '--force');
  });

  it('is counted also where it has another uid of the user namespace', async function () {
    requires(this, 'subids');
    const runtime = freshRuntimeDir(this);
    const { env } = runtime;
    const command = await startCommand(runtime, 'setpriv --reuid 33 --clear-groups sleep 60 &');
    const status = JSON.parse((await run(['status', '--json'], { env })).stdout) as Status;
    const ps = JSON.parse((await run(['ps', '--json'], { env })).stdout) as Inventory;
    expect({ status: status.processes, ps: ps.processes.length }).to.deep.equal({ status: 2, ps: 2 });
    await command.finish();
    await run(['stop', '--force'], { env });
  });
});
