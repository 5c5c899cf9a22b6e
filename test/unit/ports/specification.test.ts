import { expect } from 'chai';
import fc from 'fast-check';
import { RnetnsError } from '../../../src/errors/error.js';
import { parseSpecification, parseToHost, type PortRequest } from '../../../src/ports/specification.js';

const one = (text: string): PortRequest => {
  const [first, ...others] = parseSpecification(text);
  expect(others).to.deep.equal([]);
  return first!;
};
const tcp = { protocol: 'tcp', hostIp: '', targetIp: '' } as const;

describe('a specification of a port', () => {
  it('has a port on the host and one inside', () => {
    expect(one('8080:80')).to.deep.equal({ ...tcp, hostPort: 8080, targetPort: 80 });
    expect(one('53:5353/udp')).to.deep.equal({ ...tcp, protocol: 'udp', hostPort: 53, targetPort: 5353 });
  });

  it('gets a free port where none is named', () => {
    for (const text of ['80', ':80', '0:80', '80/tcp']) {
      expect(one(text), text).to.deep.equal({ ...tcp, hostPort: 0, targetPort: 80 });
    }
    expect(one('127.0.0.1::80')).to.deep.equal({ ...tcp, hostIp: '127.0.0.1', hostPort: 0, targetPort: 80 });
  });

  it('has addresses on either side', () => {
    expect(one('127.0.0.1:8080:80').hostIp).to.equal('127.0.0.1');
    expect(one('8080:10.89.0.2:80')).to.deep.equal({ ...tcp, hostPort: 8080, targetIp: '10.89.0.2', targetPort: 80 });
    expect(one('[0:0::1]:8080:[FD00::2]:80')).to.deep.include({ hostIp: '::1', targetIp: 'fd00::2' });
    expect(one(':[fd00::2]:80')).to.deep.include({ hostIp: '', hostPort: 0, targetIp: 'fd00::2' });
  });

  it('is a request for each port of a range', () => {
    const ports = parseSpecification('8000-8002:10.0.0.1:80-82/udp');
    expect(ports.map(({ hostPort, targetPort }) => [hostPort, targetPort])).to.deep.equal([
      [8000, 80],
      [8001, 81],
      [8002, 82],
    ]);
    expect(parseSpecification('80-82').map(({ hostPort }) => hostPort)).to.deep.equal([0, 0, 0]);
  });

  it('to the host has the same number on both sides', () => {
    expect(parseToHost('5432-5433/udp')).to.deep.equal(
      [5432, 5433].map((port) => ({
        protocol: 'udp',
        hostIp: '127.0.0.1',
        hostPort: port,
        targetIp: '127.0.0.1',
        targetPort: port,
      })),
    );
  });

  const refused: [string, RegExp][] = [
    ['', /the port inside is missing/],
    ['80:', /the port inside is missing/],
    ['80:http', /the port inside is "http"/],
    ['80:0', /the port inside is 0/],
    ['65536:80', /the port on the host is over 65535/],
    ['80-81:80', /2 ports on the host are to lead to 1 inside/],
    ['81-80:80-81', /ends before it begins/],
    ['0-1:80-81', /begins with port 0/],
    ['80:80/sctp', /SCTP cannot be forwarded/],
    ['80:80/TCP', /"\/TCP" is no protocol/],
    ['80:80/tcp/udp', /is no protocol/],
    ['10.0.0.1:80', /may be an address of the host or one inside/],
    ['localhost:80:80', /localhost is no address/],
    ['::1:80:80', /too many parts/],
    ['[::1:80:80', /brackets do not match/],
    ['[10.0.0.1]:80:80', /is no address/],
    ['[fe80::1%eth0]:80:80', /has a zone/],
    ['224.0.0.1:80:80', /multicast/],
    ['80:127.0.0.1:80', /the loopback inside/],
    ['80:0.0.0.0:80', /the loopback inside/],
    ['80:[::ffff:127.0.0.2]:80', /the loopback inside/],
    ['1:2:3:4:5', /too many parts/],
    [' 80:80', /is " 80"/],
  ];
  for (const [text, why] of refused) {
    it(`is refused with its reason: ${JSON.stringify(text)}`, () => {
      expect(() => parseSpecification(text))
        .to.throw(RnetnsError, why)
        .with.property('exitStatus', 2);
    });
  }
  for (const text of ['', '0', '5432:5432', 'x', '5432/sctp', '2-1']) {
    it(`to the host is refused with its reason: ${JSON.stringify(text)}`, () => {
      expect(() => parseToHost(text))
        .to.throw(RnetnsError)
        .with.property('code', 'ERR_USAGE');
    });
  }

  it('is read as it was written, or refused in words', () => {
    const port = fc.integer({ min: 1, max: 65535 });
    const address = fc.constantFrom('', '10.1.2.3', '[fd00::1]', '192.0.2.1');
    fc.assert(
      fc.property(
        address,
        port,
        address,
        port,
        fc.constantFrom('tcp', 'udp'),
        (hostIp, host, targetIp, to, protocol) => {
          const text = `${hostIp === '' ? '' : `${hostIp}:`}${host}:${targetIp === '' ? '' : `${targetIp}:`}${to}/${protocol}`;
          const bare = (word: string): string => word.replace(/[[\]]/g, '');
          expect(one(text)).to.deep.equal({
            ...{ protocol, hostIp: bare(hostIp), hostPort: host },
            ...{ targetIp: bare(targetIp), targetPort: to },
          });
        },
      ),
    );
    const noise = fc.string({ unit: fc.constantFrom(...Array.from('0189:-[]/.tcpudf% ')), maxLength: 24 });
    fc.assert(
      fc.property(noise, (text) => {
        try {
          for (const { hostPort, targetPort } of parseSpecification(text)) {
            expect(hostPort).to.be.within(0, 65535);
            expect(targetPort).to.be.within(1, 65535);
          }
        } catch (error) {
          expect(error).to.be.instanceOf(RnetnsError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});
