import { expect } from 'chai';
import fc from 'fast-check';
import { matcher } from '../../../../src/inspect/sysctl/pattern.js';
import { alternatives, normal } from '../../../../src/inspect/sysctl/values.js';

const none = (): undefined => undefined;

describe('sysctl: other values', () => {
  for (const [present, first] of [
    ['0', '1'],
    ['1', '0'],
    ['64', '65'],
    ['-1', '0'],
    ['4294967295', '4294967296'],
    ['72057594037927935', '72057594037927936'],
    ['0-1,3-127', '1'],
    ['00000000,00000003', '00000000,00000004'],
  ] as const) {
    it(`of ${present}: ${first} before all others`, () => {
      expect(alternatives('net/some/value', present, none)[0]).to.equal(first);
    });
  }

  it('at its upper bound, the next lower one is among the first two', () => {
    expect(alternatives('net/ipv6/ioam6_id_wide', '72057594037927935', none).slice(0, 2)).to.include(
      '72057594037927934',
    );
  });

  it('of a vector: one number is changed, by little first; tabs count as blanks', () => {
    const [first = ''] = alternatives('net/ipv4/tcp_rmem', '4096\t131072\t33554432', none);
    const changed = first.split(' ').filter((word) => !['4096', '131072', '33554432'].includes(word));
    expect(changed).to.have.lengthOf(1);
    expect(alternatives('net/ipv4/ip_local_port_range', '32768\t60999', none)).to.include('32768 60998');
    expect(alternatives('net/ipv4/ping_group_range', '65534\t65534', none)).to.include('0 0');
  });

  it('of a name out of a list that another sysctl has', () => {
    const read = (name: string): string | undefined =>
      ({
        'net/ipv4/tcp_available_congestion_control': 'reno bbr cubic',
        'net/ipv4/tcp_allowed_congestion_control': 'reno bbr',
        'net/mptcp/available_schedulers': 'default',
        'net/netfilter/nf_log/2': 'nf_log_ipv4',
      })[name];
    expect(alternatives('net/ipv4/tcp_congestion_control', 'bbr', read)).to.deep.equal(['cubic', 'reno']);
    expect(alternatives('net/ipv4/tcp_allowed_congestion_control', 'reno bbr', read)[0]).to.equal('reno');
    expect(alternatives('net/mptcp/scheduler', 'default', read)).to.deep.equal([]);
    expect(alternatives('net/netfilter/nf_log/2', 'nf_log_ipv4', read)).to.deep.equal(['NONE', 'nfnetlink_log']);
    expect(alternatives('net/netfilter/nf_log/10', 'NONE', read)).to.include('nf_log_ipv4');
    expect(alternatives('net/core/default_qdisc', 'pfifo_fast', none))
      .to.include('fq_codel')
      .and.not.include('pfifo_fast');
  });

  it('of keys, lists that may be empty, and what has no value yet', () => {
    const key = '00000000-00000000-00000000-0000000f';
    expect(alternatives('net/ipv4/tcp_fastopen_key', key, none)).to.deep.equal([
      '00000000-00000000-00000000-00000000',
      '00000000-00000000-00000000-00000001',
    ]);
    expect(alternatives('net/ipv4/ip_local_reserved_ports', '', none)[0]).to.equal('1');
    expect(alternatives('net/ipv6/conf/all/stable_secret', undefined, none)).to.have.lengthOf(2);
    expect(alternatives('net/some/other', undefined, none)).to.deep.equal([]);
  });

  it('of what it does not know: none', () => {
    for (const text of ['default', 'a b', '', '0x1f', '1 two']) {
      expect(alternatives('net/some/value', text, none), text).to.deep.equal([]);
    }
  });

  it('property: each differs from the present value, is there once, and has its shape', () => {
    const numbers = fc.array(fc.bigInt(-(2n ** 63n), 2n ** 64n), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(numbers, fc.constantFrom(' ', '\t'), (vector, blank) => {
        const present = vector.join(blank);
        const others = alternatives('net/some/value', present, none);
        expect(others.length).to.be.at.least(2);
        expect(new Set(others.map(normal)).size).to.equal(others.length);
        expect(others.map(normal)).to.not.include(normal(present));
        for (const other of others) {
          expect(other).to.match(/^-?\d+( -?\d+)*$/);
          expect(other.split(' ')).to.have.lengthOf(vector.length);
        }
      }),
    );
  });

  it('property: any text gives texts of one line that are others', () => {
    const name = fc.constantFrom(
      'net/a',
      'net/ipv4/tcp_fastopen_key',
      'net/netfilter/nf_log/0',
      'net/ipv4/ip_local_reserved_ports',
    );
    fc.assert(
      fc.property(name, fc.string(), (given, present) => {
        for (const other of alternatives(given, present, none)) {
          expect(normal(other)).to.not.equal(normal(present));
          expect(other).to.not.include('\n');
        }
      }),
    );
  });
});

describe('sysctl: patterns', () => {
  for (const [pattern, name, expected] of [
    ['net/ipv4/*', 'net/ipv4/conf/all/tag', true],
    ['net/ipv4/*', 'net/ipv6/conf/all/tag', false],
    ['net.ipv4.ip_forward', 'net/ipv4/ip_forward', true],
    ['net/ipv4/ip_forward', 'net/ipv4/ip_forward_use_pmtu', false],
    ['*/conf/eth0.1/*', 'net/ipv4/conf/eth0.1/tag', true],
    ['*/conf/eth0.1/*', 'net/ipv4/conf/eth0x1/tag', false],
    ['net/ipv?/(', 'net/ipv4/(', true],
    ['', 'net/ipv4/ip_forward', false],
  ] as const) {
    it(`${pattern || 'nothing'} ${expected ? 'means' : 'does not mean'} ${name}`, () => {
      expect(matcher(pattern)(name)).to.equal(expected);
    });
  }
});
