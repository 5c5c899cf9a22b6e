/** What each format makes of the same picture, and of names that mean something in it. */

import { expect } from 'chai';
import fc from 'fast-check';
import { spawnSync } from 'node:child_process';
import type { Graph } from '../../../src/graph/graph.js';
import { renderDot } from '../../../src/graph/dot.js';
import { renderMermaid } from '../../../src/graph/mermaid.js';
import { buildGraph } from '../../../src/graph/model.js';
import { layOut, type Rectangle } from '../../../src/graph/svg-layout.js';
import { renderSvg } from '../../../src/graph/svg.js';
import { renderTree } from '../../../src/graph/tree.js';
import { findProgram, requires } from '../../fixtures/requirements.js';
import { busy, down, facts, HOSTILE, link, many, process, published, reference, up } from './facts.js';

/** Every name in it is one of `names`. */
function named(names: readonly string[]): Graph {
  return buildGraph(
    facts({
      status: { ...up, references: names.map((name) => reference(`r${name}`)) },
      inventory: {
        processes: names.map((name, index) => process(100 + index, [name])),
        containers: names.map((name, index) => link(name, index, { interface: name, bridge: `b${name}` })),
      },
    }),
  );
}
const hostile = named(HOSTILE);
const harmless = named(HOSTILE.map((_, index) => `name${index}`));

describe('graph/tree', () => {
  it('draws all there is', () => {
    expect(renderTree(buildGraph(busy()), { colour: false })).to.equal(
      `
host  default route  enp1s0
└─ pasta  pid  4242
   └─ default: running
      │  eth0   192.0.2.2  fd00::2
      │  DNS    169.254.1.1  192.0.2.53
      │  since  2026-11-22T04:44:12.936Z
      ├─ bridge br1
      │  ├─ cache  eth0  2001:0db8:1234:5678:9abc:def0:1234:5678  0a:58:0a:59:00:03  via veth03c0ffee
      │  └─ web
      │        eth1  10.88.1.9  0a:58:0a:59:00:07  via veth07c0ffee
      │        id    id-web
      │        port  8080 → 80/tcp
      │        port  192.0.2.2:8443 → 443/tcp
      │        runs  nginx ×3
      ├─ bridge rnetns0
      │  ├─ process 7001  eth0  10.89.0.4  fd72:6e65:746e::4  0a:58:0a:59:00:02  via veth02c0ffee  down
      │  ├─ db  eth0  10.89.0.3  fd72:6e65:746e::3  0a:58:0a:59:00:01  via veth01c0ffee
      │  └─ web (as above)  eth0  10.89.0.2  fd72:6e65:746e::2  0a:58:0a:59:00:00  via veth00c0ffee
      ├─ /run/user/1001/netns/lost
      │     id    id-lost
      │     eth0  network p2p
      ├─ 2 processes
      │     5001  python3 -m http.server --bind 127.0.0.1 8000
      │     5002  bash
      └─ 6 references, 4 drawn elsewhere
            builder        process 4711 buildah
            old            its process is dead
            without an id  1`.trimStart(),
    );
    expect(renderTree(buildGraph(facts({ status: down })), { colour: false })).to.equal('default: down');
  });

  it('draws ports below what hangs on the driver', () => {
    const status = { ...up, ports: [published(8080)] };
    const tree = renderTree(buildGraph(facts({ status })), { colour: false });
    expect(tree).to.equal(
      `
host  default route  enp1s0
├─ pasta  pid  4242
│  └─ default: running
│        eth0   192.0.2.2  fd00::2
│        DNS    169.254.1.1  192.0.2.53
│        since  2026-11-22T04:44:12.936Z
└─ 1 port by rnetns
      *:8080/tcp   → 80  to the network
      clients are  namespace`.trimStart(),
    );
  });

  it('has colour when asked to, and is the same text without it', () => {
    const graph = buildGraph(busy());
    const coloured = renderTree(graph, { colour: true });
    expect(coloured).to.include('\u001b[31mprocess 7001\u001b[0m');
    // eslint-disable-next-line no-control-regex
    expect(coloured.replaceAll(/\u001b\[[\d;]*m/g, '')).to.equal(renderTree(graph, { colour: false }));
  });

  it('hostile names are shown on their line, and nothing more', () => {
    const lines = (graph: Graph): number => renderTree(graph, { colour: false }).split('\n').length;
    expect(lines(hostile)).to.equal(lines(harmless));
  });
});

describe('graph/dot', () => {
  it('hostile names stay in their quotes', () => {
    const text = renderDot(hostile);
    // What is left without quoted strings is our own.
    const skeleton = (dot: string): string => dot.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""');
    expect(skeleton(text)).to.equal(skeleton(renderDot(harmless)));
    expect(text).to.include('\\"]; evil -> n0; x[\\"').and.include('&amp;amp;').and.include('two\\\\nlines');
  });

  it('dot reads it', function () {
    const dot = findProgram('dot');
    if (dot === undefined) this.skip();
    for (const graph of [hostile, buildGraph(busy()), buildGraph(facts({ status: down }))]) {
      const { status, stderr } = spawnSync(dot, ['-Tcanon'], { input: renderDot(graph), encoding: 'utf8' });
      expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
    }
  });
});

describe('graph/mermaid', () => {
  it('hostile names are only letters, digits, harmless marks and entity codes', () => {
    const text = renderMermaid(hostile);
    const labels = [...text.matchAll(/^ *n\d+\["(.*)"\]:::\w+$/gm)].map((match) => match[1] ?? '');
    expect(labels).to.have.lengthOf(hostile.nodes.length);
    for (const label of labels) {
      expect(label.replaceAll(/<b>|<\/b>|<br>/g, '')).to.match(/^(?:[\p{L}\p{M}\p{N} .,:/@→×…-]|#\d+;)*$/u);
    }
    const skeleton = (mermaid: string): string => mermaid.replaceAll(/\[".*"\]/g, '');
    expect(skeleton(text)).to.equal(skeleton(renderMermaid(harmless)));
    expect(text).to.include('#34;#93;#59; evil -#62; n0#59; x#91;#34;');
  });
});

describe('graph/svg', () => {
  it('is well-formed, and says what there is', function () {
    requires(this, 'python3');
    for (const graph of [hostile, buildGraph(busy()), buildGraph(many(60)), buildGraph(facts({ status: down }))]) {
      const texts = textsOf(renderSvg(graph));
      for (const { title } of graph.nodes) expect(texts).to.include(title);
    }
    expect(textsOf(renderSvg(buildGraph(busy())))).to.include.members([
      '10.89.0.3  fd72:6e65:746e::3',
      '8080 → 80/tcp',
    ]);
  });

  /** By a parser that isn't ours; a title is in full in the `title` of its box. */
  function textsOf(svg: string): string[] {
    const script =
      'import sys,json,xml.etree.ElementTree as e\nprint(json.dumps([n.text for n in e.parse(sys.stdin.buffer).iter() if n.text]))';
    const { status, stdout, stderr } = spawnSync('python3', ['-c', script], { input: svg, encoding: 'utf8' });
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
    return JSON.parse(stdout) as string[];
  }

  const overlap = (a: Rectangle, b: Rectangle): boolean =>
    a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

  it('no box is on another or beyond the edge, whatever there is', () => {
    const bridgesOf = fc.array(fc.integer({ min: 1, max: 70 }), { maxLength: 4 });
    fc.assert(
      fc.property(
        bridgesOf,
        fc.nat(3),
        fc.nat(20),
        fc.string({ unit: 'grapheme', maxLength: 90 }),
        (sizes, loose, run, name) => {
          const containers = sizes.flatMap((size, bridge) =>
            Array.from({ length: size }, (_, index) =>
              link(`${name}${bridge}-${index}`, index, { bridge: `br${bridge}` }),
            ),
          );
          const shared = sizes.map((_, bridge) => link('everywhere', bridge, { bridge: `br${bridge}` }));
          const graph = buildGraph(
            facts({
              status: {
                ...up,
                references: Array.from({ length: loose }, (_, index) => reference(`netns:n${index}`)),
                ports: Array.from({ length: run }, (_, index) => published(8000 + index)),
              },
              inventory: {
                processes: Array.from({ length: run }, (_, index) => process(index, [name, name])),
                containers: [...containers, ...shared],
              },
            }),
          );
          const { width, height, frames, boxes } = layOut(graph);
          for (const { x, y, ...size } of [...frames, ...boxes]) {
            expect(Math.min(x, y)).to.be.at.least(0);
            expect(x + size.width).to.be.at.most(width);
            expect(y + size.height).to.be.at.most(height);
          }
          const pairs = (all: readonly Rectangle[]) =>
            all.flatMap((a, index) => all.slice(index + 1).map((b) => [a, b] as const));
          for (const [a, b] of [...pairs(boxes), ...pairs(frames)]) expect(overlap(a, b)).to.be.false;
        },
      ),
      { numRuns: 25 },
    );
  });

  it('sixty containers make a picture that is no strip', () => {
    const { width, height } = layOut(buildGraph(many(60)));
    expect(width / height).to.be.within(0.5, 2.5);
  });
});
