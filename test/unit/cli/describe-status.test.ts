import { expect } from 'chai';
import { describeStatus } from '../../../src/cli/describe-status.js';
import type { ListedPort } from '../../../src/ports/listing.js';
import type { Status } from '../../../src/inspect/status.js';

const NOW = Date.parse('2026-01-02T00:03:10Z');

const up: Status = {
  name: 'lab',
  state: 'running',
  generation: 'g',
  directory: '/run/user/1/rnetns/lab',
  driver: {
    name: 'pasta',
    version: '1',
    path: '/usr/bin/pasta',
    pid: 7,
    args: [],
    restarts: 0,
    lastWords: null,
    connected: true,
  },
  addresses: ['192.0.2.2'],
  dnsForwardIps: ['169.254.1.1'],
  mapGuestIps: [],
  nameservers: ['169.254.1.1'],
  stale: [],
  references: [],
  refCount: 0,
  processes: 0,
  containers: 0,
  ports: [],
  supervisor: { pid: 5 },
  keeper: { pid: 6 },
  protection: { scope: 'rnetns-lab-1.scope', linger: true },
  limits: [],
  linger: 2,
  since: '2026-01-02T00:00:00Z',
};
const reference = { nets: 1, pid: null, command: null, since: null, problem: null };

const published: ListedPort = {
  hostIp: '',
  hostPort: 8080,
  targetIp: '',
  targetPort: 80,
  protocol: 'tcp',
  toHost: false,
  owner: { kind: 'namespace', id: null, pid: null },
  attachment: null,
  forwarder: 'rnetns',
  keepsSource: false,
  sources: { loopback: 'namespace', host: 'namespace', remote: 'namespace' },
  proxyProtocol: null,
  problem: null,
  clients: 0,
  counters: null,
};

const text = (changes: Partial<Status>): string =>
  describeStatus({ ...up, ...changes }, { columns: undefined, colour: false }, NOW);
const first = (changes: Partial<Status>): string | undefined => text(changes).split('\n')[0];
const problems = (changes: Partial<Status>): string[] =>
  [...text(changes).matchAll(/^ {2}problem +(.*)$/gm)].map(([, problem = '']) => problem);

describe('status in words', () => {
  it('which ports are published, and to whom they are open', () => {
    const ports: ListedPort[] = [
      published,
      {
        ...published,
        hostIp: '127.0.0.1',
        hostPort: 81,
        problem: 'no forwarder runs',
        owner: { kind: 'reference', id: 'web', pid: null },
      },
      { ...published, hostPort: 5432, targetPort: 5432, toHost: true },
    ];
    expect(text({ ports }).match(/^.* -> .*$/gm)).to.deep.equal([
      '  ports           *:8080/tcp -> 80, open to the network',
      '                  127.0.0.1:81/tcp -> 80, open to this machine, for web (no forwarder runs)',
      '                  inside 127.0.0.1:5432 -> *:5432/tcp, open to the namespace',
    ]);
  });

  it('how long it is there, who uses it, and when it goes', () => {
    expect(first({})).to.equal('lab: running for 3 min; unused; goes within 2 s');
    expect(first({ linger: 0 })).to.equal('lab: running for 3 min; unused; goes at once');
    expect(first({ processes: 1, linger: 0 })).to.equal('lab: running for 3 min; 1 process; goes with the last use');
    const references = [
      { ...reference, id: 'netns:web' },
      { ...reference, id: 'x' },
    ];
    expect(first({ processes: 2, containers: 1, references, refCount: 3 })).to.equal(
      'lab: running for 3 min; 2 processes, 1 container, 3 references; goes 2 s after the last use',
    );
    expect(first({ refCount: null })).to.include('; an unknown number of references; ');
    expect(text({ state: 'down' })).to.equal('lab: down');
  });

  it('what is wrong, and what to do', () => {
    expect(problems({})).to.deep.equal([]);
    expect(problems({ state: 'degraded', supervisor: null, keeper: null })).to.deep.equal([
      'the supervisor is dead: rnetns repair',
      'the keeper is dead: rnetns repair',
    ]);
    expect(problems({ state: 'degraded' })).to.deep.equal(['a part of it does not do its work: rnetns repair']);
    expect(
      problems({ refCount: null, references: [{ ...reference, id: 'x', problem: 'its file is torn' }] }),
    ).to.deep.equal(['the references cannot be counted: rnetns repair', '1 reference dead or damaged: rnetns repair']);
    const silent = { ...up.driver!, pid: null, restarts: 3, lastWords: 'No \x1b[1mroute' };
    const degraded = text({ state: 'degraded', driver: silent });
    expect(degraded).to.include("problem         pasta isn't running, and is tried again every few seconds");
    expect(degraded).to.include('driver          pasta (not running, restarts 3) /usr/bin/pasta\n');
    expect(degraded).to.include('last words: No \\x1b[1mroute\n');
  });
});
