import { expect } from 'chai';
import type { Graph, GraphNode } from '../../../src/graph/graph.js';
import { buildGraph } from '../../../src/graph/model.js';
import { publishedPorts } from '../../../src/graph/ports.js';
import { attachment, busy, down, facts, HOSTILE, link, many, process, published, reference, up } from './facts.js';

function node(graph: Graph, id: string): GraphNode {
  const found = graph.nodes.find((each) => each.id === id);
  expect(found, id).to.not.equal(undefined);
  return found!;
}

const lines = (graph: Graph, id: string): string[] =>
  node(graph, id).details.map(({ label, values }) => [label, ...values].join(' '));
const below = (graph: Graph, id: string): string[] => graph.edges.filter(({ from }) => from === id).map(({ to }) => to);

describe('graph/model', () => {
  it('host, driver, namespace, bridges, containers hang on each other in this order', () => {
    const graph = buildGraph(busy());
    expect(below(graph, 'host')).to.deep.equal(['driver']);
    expect(below(graph, 'driver')).to.deep.equal(['netns']);
    const [netns] = ['netns'].map((id) => below(graph, id));
    expect(netns).to.have.members([
      ...['bridge:br1', 'bridge:rnetns0', 'processes', 'references'],
      'container:/run/user/1001/netns/lost',
    ]);
    expect(below(graph, 'bridge:br1')).to.deep.equal(['container:cache', 'container:web']);
    expect(below(graph, 'bridge:rnetns0')).to.deep.equal([
      ...['container:/proc/7001/ns/net', 'container:db', 'container:web'],
    ]);
  });

  it('a container has its interface on each bridge, its id, ports and programs', () => {
    const graph = buildGraph(busy());
    const onBridge = graph.edges.find(({ from, to }) => from === 'bridge:br1' && to === 'container:web');
    expect(onBridge?.details).to.deep.equal([
      { label: 'eth1', values: ['10.88.1.9', '0a:58:0a:59:00:07', 'via veth07c0ffee'] },
    ]);
    expect(lines(graph, 'container:web')).to.deep.equal([
      ...['id id-web', 'port 8080 → 80/tcp', 'port 192.0.2.2:8443 → 443/tcp', 'runs nginx ×3'],
    ]);
  });

  it('references of containers that are drawn are counted, and not drawn again', () => {
    const graph = buildGraph(busy());
    expect(node(graph, 'references').title).to.equal('6 references, 4 drawn elsewhere');
    expect(lines(graph, 'references')).to.deep.equal([
      ...['builder process 4711 buildah', 'old its process is dead', 'without an id 1'],
    ]);
    const references = Array.from({ length: 30 }, (_, index) => reference(`r${index}`, { nets: 2 }));
    const crowd = lines(buildGraph(facts({ status: { ...up, references, refCount: 60 } })), 'references');
    expect(crowd).to.have.lengthOf(9);
    expect(crowd[0]).to.equal('r0 2 networks');
    expect(crowd.at(-1)).to.equal('and 22 others');
  });

  it('a few processes are listed, many are counted by program', () => {
    expect(lines(buildGraph(busy()), 'processes')).to.deep.equal([
      ...['5001 python3 -m http.server --bind 127.0.0.1 8000', '5002 bash'],
    ]);
    const crowd = buildGraph(many(60));
    expect(node(crowd, 'processes').title).to.equal('300 processes');
    expect(lines(crowd, 'processes')).to.deep.equal(['curl ×100', 'sh ×100', 'sleep ×100']);
    const different = Array.from({ length: 20 }, (_, index) => process(100 + index, [`/bin/p${index}`]));
    const names = lines(buildGraph(facts({ inventory: { processes: different, containers: [] } })), 'processes');
    expect(names.slice(0, 2)).to.deep.equal(['p0', 'p1']);
    expect(names.at(-1)).to.equal('and 12 others');
  });

  it('published ports hang between host and namespace, those first with which something is wrong', () => {
    const ports = [
      published(8080, { owner: { kind: 'reference', id: 'web', pid: null } }),
      published(5432, { toHost: true, hostIp: '127.0.0.1', targetPort: 5432, sources: null }),
      published(8443, { hostIp: '::1', targetIp: '10.89.0.2', problem: 'EADDRINUSE' }),
    ];
    const graph = buildGraph(facts({ status: { ...up, ports } }));
    expect(below(graph, 'host')).to.deep.equal(['driver', 'ports:rnetns']);
    expect(below(graph, 'ports:rnetns')).to.deep.equal(['netns']);
    expect(node(graph, 'ports:rnetns')).to.include({ title: '3 ports by rnetns', health: 'broken' });
    expect(lines(graph, 'ports:rnetns')).to.deep.equal([
      '[::1]:8443/tcp → 10.89.0.2:80 EADDRINUSE',
      '*:8080/tcp → 80 to the network for web',
      'inside 127.0.0.1:5432 → 127.0.0.1:5432/tcp to the namespace',
      'clients are namespace',
    ]);
    const crowd = Array.from({ length: 1000 }, (_, index) => published(2000 + index));
    expect(lines(buildGraph(facts({ status: { ...up, ports: crowd } })), 'ports:rnetns')).to.have.lengthOf(10);
  });

  it('c2 stands before c10', () => {
    const order = below(buildGraph(many(12)), 'bridge:rnetns0');
    expect(order.slice(0, 3)).to.deep.equal(['container:c0', 'container:c1', 'container:c2']);
    expect(order.at(-1)).to.equal('container:c11');
  });

  it('named namespaces and attachments on no bridge are there as well', () => {
    const references = [reference('netns:alone')];
    const lost = attachment('gone', [], { netns: '', containerId: 'c-9' });
    const graph = buildGraph(facts({ status: { ...up, references }, attachments: [lost] }));
    expect(below(graph, 'netns')).to.deep.equal(['container:alone', 'container:c-9']);
    expect(node(graph, 'container:alone').health).to.equal('idle');
    expect(lines(graph, 'container:c-9')).to.deep.equal(['eth0 network rnetns']);
  });

  it('an attachment finds its container by the path of its name, and else by its id', () => {
    const containers = [link('web', 0), link('/proc/77/ns/net', 1, { id: 'c-77' }), link('net', 2)];
    const port = [{ hostPort: 1, containerPort: 2 }];
    const graph = buildGraph(
      facts({
        inventory: { processes: [], containers },
        attachments: [
          attachment('web', port),
          attachment('x', port, { netns: '/proc/1234/ns/net', containerId: 'c-77' }),
        ],
      }),
    );
    expect(graph.nodes.filter(({ kind }) => kind === 'container')).to.have.lengthOf(3);
    expect(lines(graph, 'container:web')).to.include('port 1 → 2/tcp');
    expect(lines(graph, 'container:/proc/77/ns/net')).to.include('port 1 → 2/tcp');
    expect(lines(graph, 'container:net')).to.deep.equal([]);
  });

  it('what is broken says so, and so does the line to it', () => {
    const driver = { ...up.driver!, pid: null, restarts: 7, lastWords: 'External interface not usable' };
    const status = { ...up, state: 'degraded' as const, keeper: null, driver };
    const graph = buildGraph(facts({ status, inventory: undefined, hostInterfaces: [] }));
    for (const id of ['host', 'driver', 'netns']) expect(node(graph, id).health, id).to.equal('broken');
    expect(graph.edges.map(({ health }) => health)).to.deep.equal(['broken', 'broken']);
    expect(lines(graph, 'driver')).to.deep.equal([
      ...["doesn't run", 'restarts 7', 'said External interface not usable'],
    ]);
    expect(lines(graph, 'netns')).to.include('keeper dead').and.include('inside cannot be seen: rnetns repair');
    const none = buildGraph(facts({ status: { ...up, driver: { ...up.driver!, name: 'none', pid: null } } }));
    expect(node(none, 'driver')).to.include({ title: 'no driver', health: 'idle' });
  });

  it('down: one node that says so', () => {
    const graph = buildGraph(facts({ status: down, inventory: undefined, interfaces: [] }));
    expect(graph).to.deep.equal({
      name: 'default',
      state: 'down',
      nodes: [{ id: 'netns', kind: 'netns', title: 'default: down', details: [], health: 'idle' }],
      edges: [],
    });
  });

  it('no text in it can do anything to a terminal', () => {
    const containers = HOSTILE.map((name, index) => link(name, index, { interface: name, hostInterface: name }));
    const processes = HOSTILE.map((name, index) => process(100 + index, [name, name]));
    const references = HOSTILE.map((name) => reference(name, { pid: 1, command: name }));
    const graph = buildGraph(
      facts({ status: { ...up, references }, inventory: { containers, processes }, interfaces: HOSTILE }),
    );
    const shown = [...graph.nodes, ...graph.edges].flatMap((each) => [
      'title' in each ? each.title : '',
      ...each.details.flatMap(({ label, values }) => [label, ...values]),
    ]);
    for (const text of shown) expect(text).to.match(/^[^\p{Cc}\p{Cf}\p{Cs}\p{Cn}\p{Zl}\p{Zp}]*$/u);
    expect(shown.join('\n')).to.include('\\x1b[31mred').and.include('two\\nlines\\r\\tand').and.include('\\u{202e}gpj');
  });
});

describe('graph/ports', () => {
  it('what is no mapping is left out', () => {
    const right = { hostPort: 8080, containerPort: 80, protocol: 'UDP', hostIP: '::1' };
    const wrong = [null, 7, {}, { hostPort: '8080', containerPort: 80 }, { hostPort: 0, containerPort: 80 }];
    expect(publishedPorts({ portMappings: [...wrong, right] })).to.deep.equal(['[::1]:8080 → 80/udp']);
    for (const portMappings of [undefined, null, 'x', {}]) expect(publishedPorts({ portMappings })).to.deep.equal([]);
    expect(publishedPorts({ portMappings: [{ ...right, protocol: '\u001b[2J' }] })[0]).to.include('\\x1b[2j');
  });
});
