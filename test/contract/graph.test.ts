/** `rnetns graph` of real containers, processes and references; it only looks. */

import { expect } from 'chai';
import { existsSync, cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { requires } from '../fixtures/requirements.js';
import { projectRoot, run, spawnRnetns, type RunResult } from '../fixtures/rnetns.js';
import { freshRuntimeDir, type RuntimeDir } from '../fixtures/runtime-dir.js';
import { freePort } from '../fixtures/servers.js';
import { gone, killNow, partsOf } from '../fixtures/shared-netns.js';
import { waitFor } from '../fixtures/processes.js';

interface Drawn {
  state: string;
  nodes: { id: string; kind: string; title: string; details: { label: string; values: string[] }[]; health: string }[];
  edges: { from: string; to: string; details: { label: string; values: string[] }[]; health: string }[];
}

const graph = ({ env }: RuntimeDir, ...args: string[]): Promise<RunResult> => run(['graph', ...args], { env });

async function succeed(runtime: RuntimeDir, ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await run(args, { env: runtime.env });
  expect({ status, stderr }, args.join(' ')).to.deep.equal({ status: 0, stderr: '' });
  return stdout;
}

async function draw(runtime: RuntimeDir): Promise<Drawn> {
  return JSON.parse(await succeed(runtime, 'graph', '--json')) as Drawn;
}

const details = (drawn: Drawn, id: string): string[] =>
  (drawn.nodes.find((node) => node.id === id)?.details ?? []).map(({ label, values }) => [label, ...values].join(' '));

describe('graph', () => {
  beforeEach(function () {
    requires(this, 'userns', 'tun', 'pasta', 'ip');
  });

  it('of nothing says so in every format, exit 0, and makes nothing', async function () {
    const runtime = freshRuntimeDir(this);
    expect(await succeed(runtime, 'graph')).to.equal('default: down\n');
    for (const format of ['dot', 'mermaid', 'svg'])
      expect(await succeed(runtime, 'graph', '--format', format), format).to.include('default: down');
    expect(await draw(runtime)).to.deep.include({ name: 'default', state: 'down', edges: [] });
    expect(existsSync(join(runtime.dir, 'rnetns'))).to.be.false;
  });

  it('a wrong format, one together with --json and an argument are wrong usage', async function () {
    const runtime = freshRuntimeDir(this);
    for (const args of [['--format', 'png'], ['--json', '--format', 'dot'], ['default']]) {
      const { status, stdout, stderr } = await graph(runtime, ...args);
      expect({ status, stdout }, args.join(' ')).to.deep.equal({ status: 2, stdout: '' });
      expect(stderr).to.match(/format|argument/);
    }
  });

  it('of two containers on a bridge, with a port, a command and references; also while another one has the lock', async function () {
    requires(this, 'cni-plugins');
    const runtime = freshRuntimeDir(this);
    runtime.configure('[rnetns]\nlinger = 0\n');
    const lists = join(runtime.env.XDG_CONFIG_HOME ?? '', 'cni', 'net.d');
    mkdirSync(lists, { recursive: true });
    cpSync(join(projectRoot, 'configs/cni/87-rnetns.conflist'), join(lists, '87-rnetns.conflist'));
    for (const name of ['web', 'db']) await succeed(runtime, 'netns', 'add', name);
    const hostPort = await freePort();
    const ports = JSON.stringify({ portMappings: [{ hostPort, containerPort: 80, protocol: 'tcp' }] });
    await succeed(runtime, 'cni', 'add', 'rnetns', 'id-web', 'web', '--capability', ports);
    await succeed(runtime, 'cni', 'add', 'rnetns', 'id-db', 'db');
    await succeed(runtime, 'setup', '--id', 'builder', '--nets', '2');
    const named = ['bash', '-c', 'exec -a "$1" cat', 'bash', '\u001b[31mred\nline'];
    const command = spawnRnetns(['run', '--', ...named], { env: runtime.env });
    await waitFor(
      async () => details(await draw(runtime), 'processes').some((line) => line.endsWith(' \\x1b[31mred\\nline')),
      {
        what: 'the command to have its name',
      },
    );
    const locked = spawnRnetns(['lock', '--', 'sh', '-c', 'echo locked; exec cat'], { env: runtime.env });
    await waitFor(() => locked.stdout() === 'locked\n', { what: 'the lock' });

    const drawn = await draw(runtime);
    expect(drawn.state).to.equal('running');
    expect(drawn.nodes.map(({ id }) => id)).to.deep.equal([
      ...['host', 'driver', 'ports:rnetns', 'netns'],
      ...['bridge:rnetns0', 'container:db', 'container:web', 'processes', 'references'],
    ]);
    expect(drawn.nodes.filter(({ health }) => health !== 'ok')).to.deep.equal([]);
    expect(details(drawn, 'container:web')).to.include('id id-web').and.include(`port ${hostPort} → 80/tcp`);
    const [link] = drawn.edges.find(({ to }) => to === 'container:web')?.details ?? [];
    expect(link?.label).to.equal('eth0');
    expect(link?.values).to.include('10.89.0.2').and.include('fd72:6e65:746e::2');
    expect(details(drawn, 'references')).to.deep.equal(['builder 2 networks']);
    expect(details(drawn, 'processes')).to.deep.equal([`${command.pid} \\x1b[31mred\\nline`]);

    const tree = await succeed(runtime, 'graph');
    expect(tree).to.include('├─ bridge rnetns0\n').and.not.include('\u001b');
    expect(await succeed(runtime, 'graph', '--format', 'svg'))
      .to.include('10.89.0.2')
      .and.match(/<\/svg>\n$/);
    locked.child.stdin?.end();
    await locked.ended;

    // With the guard: it would have the driver back before anybody looks.
    const { guard, supervisor, driver } = partsOf(runtime);
    await killNow(guard, supervisor, driver);
    const degraded = await draw(runtime);
    expect(degraded.state).to.equal('degraded');
    expect(degraded.nodes.find(({ id }) => id === 'driver')?.health).to.equal('broken');
    expect(degraded.edges.find(({ to }) => to === 'netns')?.health).to.equal('broken');

    command.child.stdin?.end();
    await command.ended;
    await succeed(runtime, 'stop', '--force');
    await gone(runtime);
  });
});
