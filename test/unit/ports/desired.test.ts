import { expect } from 'chai';
import fc from 'fast-check';
import { explainRefusal, findDouble, findTooMany, overlaps } from '../../../src/ports/conflicts.js';
import { formatPort, parsePort } from '../../../src/ports/desired.js';
import { readQuestion } from '../../../src/ports/control.js';
import { readReport } from '../../../src/ports/forwarder/channel.js';
import { plainAddress, proxyHeader } from '../../../src/ports/forwarder/proxy-header.js';
import type { AttachmentOwner, Port } from '../../../src/ports/port.js';
import { parseRequest } from '../../../src/ports/request.js';
import { socketsOn } from '../../../src/ports/port-user.js';

const web: Port = {
  ...{ protocol: 'tcp', hostIp: '', hostPort: 8080, targetIp: '', targetPort: 80 },
  ...{ toHost: false, proxyProtocol: undefined, owner: { kind: 'namespace' } },
};
const BOOT = 'b00';
const attachment: AttachmentOwner = {
  ...{ kind: 'attachment', by: 'cni', container: 'web', network: 'net1', ifName: 'eth0' },
  process: { pid: 12, startTicks: 345 },
};

describe('the file of a port', () => {
  const ports: Port[] = [
    web,
    { ...web, hostIp: '::1', targetIp: '10.0.0.2', protocol: 'udp', owner: { kind: 'reference', id: 'a.b_c' } },
    { ...web, toHost: true, proxyProtocol: 'v2', owner: { kind: 'process', process: { pid: 12, startTicks: 345 } } },
    { ...web, targetIp: '10.89.0.2', owner: attachment },
    { ...web, targetIp: 'fd00::2', owner: { ...attachment, by: 'netavark', network: '1'.repeat(64), ifName: 'äöü' } },
  ];

  it('is read as it was written', () => {
    for (const port of ports) expect(parsePort(formatPort(port, BOOT), BOOT)).to.deep.equal(port);
  });

  it('counts for nothing when it is torn, changed or from another boot', () => {
    for (const port of ports) {
      const line = formatPort(port, BOOT);
      expect(parsePort(line, 'b01')).to.equal(undefined);
      for (let end = 0; end < line.length - 1; end += 1)
        expect(parsePort(line.slice(0, end), BOOT)).to.equal(undefined);
    }
    expect(parsePort(formatPort({ ...web, hostPort: 65536 }, BOOT), BOOT)).to.equal(undefined);
    for (const owner of [
      { kind: 'reference', id: '../x' },
      { ...attachment, container: '..' },
      { ...attachment, network: 'a/b' },
      { ...attachment, process: { pid: 0, startTicks: 0 } },
    ] as const) {
      expect(parsePort(formatPort({ ...web, owner }, BOOT), BOOT)).to.equal(undefined);
    }
  });
});

describe('conflicts of ports', () => {
  it('are those on the same address of the host', () => {
    const at = (hostIp: string, hostPort = 80, protocol: 'tcp' | 'udp' = 'tcp'): Port => ({
      ...web,
      hostIp,
      hostPort,
      protocol,
    });
    expect(overlaps(at(''), at('127.0.0.1'))).to.equal(true);
    expect(overlaps(at('127.0.0.1'), at('0.0.0.0'))).to.equal(true);
    expect(overlaps(at('::'), at('::1'))).to.equal(true);
    expect(overlaps(at('0.0.0.0'), at('::1'))).to.equal(false);
    expect(overlaps(at('127.0.0.1'), at('127.0.0.2'))).to.equal(false);
    expect(overlaps(at('', 80), at('', 81))).to.equal(false);
    expect(overlaps(at('', 80, 'udp'), at('', 80))).to.equal(false);
    expect(overlaps(at('', 0), at('', 0))).to.equal(false);
  });

  it('are told with who has the port, and what to do', () => {
    expect(findDouble([web, { ...web, hostIp: '127.0.0.1' }], [])?.why).to.include('asked for twice');
    const other = findDouble([web], [{ namespace: 'lab', port: { ...web, owner: { kind: 'reference', id: 'db' } } }]);
    expect(other?.why).to.match(/the reference db in the namespace lab$/);
    expect(other?.hint).to.include('--name lab 8080/tcp');
    // Two namespaces may both have the host's service.
    expect(findDouble([{ ...web, toHost: true }], [{ namespace: 'lab', port: { ...web, toHost: true } }])).to.equal(
      undefined,
    );
    expect(findTooMany(1000, 1024)?.why).to.include('1000 ports');
    expect(findTooMany(900, 1024)).to.equal(undefined);
    const facts = { user: 'nginx (pid 8)', firstUnprivileged: 1024 };
    expect(explainRefusal(web, 'EADDRINUSE', facts).why).to.equal('it is in use by nginx (pid 8)');
    expect(explainRefusal({ ...web, hostPort: 80 }, 'EACCES', facts).hint).to.include('ip_unprivileged_port_start=80');
  });

  it('are seen in the tables of the kernel', () => {
    const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 0 100 0 0 10 0
   1: 0100007F:1F90 0100007F:8888 01 00000000:00000000 00:00000000 00000000  1000        0 4712 1 0 20 4 30 10 -1\n`;
    expect(socketsOn(table, 8080, 'tcp')).to.deep.equal([{ uid: 1000, inode: '4711' }]);
    expect(socketsOn(table, 80, 'tcp')).to.deep.equal([]);
  });
});

describe('what the forwarder is told', () => {
  it('is taken from the connector only when it is a report', () => {
    expect(readReport({ kind: 'closed', id: 3, more: 1 })).to.deep.equal({ kind: 'closed', id: 3 });
    expect(readReport({ kind: 'failed', id: 3, code: 'x'.repeat(99) })).to.deep.equal({
      kind: 'failed',
      id: 3,
      code: 'EIO',
    });
    for (const bad of [null, 1, [], {}, { kind: 'closed' }, { kind: 'closed', id: -1 }, { kind: 'x', id: 1 }]) {
      expect(readReport(bad)).to.equal(undefined);
    }
    const counts = { 4: { clients: 2, traffic: { connections: 3, failed: -1, received: 'x' } }, 5: null };
    expect(readReport({ kind: 'counts', id: 3, counts })).to.deep.equal({
      kind: 'counts',
      id: 3,
      counts: {
        4: { clients: 2, traffic: { connections: 3, failed: 0, received: 0, sent: 0 } },
        5: { clients: 0, traffic: { connections: 0, failed: 0, received: 0, sent: 0 } },
      },
    });
    fc.assert(fc.property(fc.anything(), (message) => void readReport(message)));
  });

  it('is taken from those who ask only when it names ports', () => {
    expect(readQuestion('{"names":null}')).to.deep.equal({ names: null });
    expect(readQuestion('{"names":["publish+tcp+80+::1"]}')).to.deep.equal({ names: ['publish+tcp+80+::1'] });
    for (const bad of ['', '{', '{}', '{"names":["../x"]}', '{"names":[1]}', '{"names":["/"]}', 'null', '[]']) {
      expect(readQuestion(bad), bad).to.equal(undefined);
    }
  });
});

describe('a request of the launcher', () => {
  it('names ports or a reference, and nothing else', () => {
    expect(parseRequest('12 add --id web 127.0.0.1::80 [::1]:81-82:81-82/udp')).to.deep.equal({
      ...{ pid: 12, act: 'add', id: 'web' },
      words: ['127.0.0.1::80', '[::1]:81-82:81-82/udp'],
    });
    expect(parseRequest('12 delete 80')).to.deep.equal({ pid: 12, act: 'delete', id: undefined, words: ['80'] });
    expect(parseRequest('12 delete --id web')).to.include({ act: 'delete', id: 'web' });
    for (const bad of [
      '',
      'x add 80',
      '../1 add 80',
      '1 list',
      '1 add',
      '1 add --id web',
      '1 delete',
      '1 add --id ../x 80',
    ])
      expect(parseRequest(bad), bad).to.equal(undefined);
    for (const bad of ['1 add --to-host 80', '1 add 80 ', '1 add 80\t81'])
      expect(parseRequest(bad), bad).to.equal(undefined);
  });
});

describe('the header of the PROXY protocol', () => {
  const ends = { from: { address: '192.0.2.1', port: 1000 }, to: { address: '198.51.100.2', port: 80 } };

  it('is a line in version 1', () => {
    expect(proxyHeader('v1', ends).toString()).to.equal('PROXY TCP4 192.0.2.1 198.51.100.2 1000 80\r\n');
  });

  it('is binary in version 2', () => {
    expect(proxyHeader('v2', ends).toString('hex')).to.equal(
      `0d0a0d0a000d0a515549540a2111000cc0000201c633640203e80050`,
    );
    const six = { from: { address: '2001:db8::1', port: 1 }, to: { address: '::1', port: 2 } };
    expect(proxyHeader('v2', six).toString('hex').slice(24)).to.equal(
      `21210024${'20010db8'.padEnd(30, '0')}01${'1'.padStart(32, '0')}00010002`,
    );
  });

  it('has addresses of IPv4 as such', () => {
    expect(plainAddress('::ffff:192.0.2.1')).to.equal('192.0.2.1');
    expect(plainAddress('::1')).to.equal('::1');
  });
});
