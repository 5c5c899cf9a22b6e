import { expect } from 'chai';
import fc from 'fast-check';
import { parseGetsubids, parseSubids, planIdMap, subidsProblem } from '../../../src/plan/id-map.js';

const END = 2 ** 32 - 1;

describe('plan/id-map', () => {
  it('reads the lines of /etc/subuid that name the user or their id', () => {
    const text = [
      'root:1:1',
      'ann:100000:65536',
      'annette:200000:65536',
      '# a comment',
      'ann:abc:5',
      'ann:300000',
      'ann:300000:0',
      'ann:4294967295:5',
      'ann:1:2:3',
      ':500000:5',
      '1000:165536:65536',
      '  ann:400000:10  ',
      '',
    ].join('\n');
    expect(parseSubids(text, 'ann', 1000)).to.deep.equal([
      { start: 100000, count: 65536 },
      { start: 165536, count: 65536 },
      { start: 400000, count: 10 },
    ]);
    expect(parseSubids(text, '', 7)).to.deep.equal([]);
  });

  it("cuts the host's id 0 away, and says so", () => {
    expect(parseSubids('ann:0:65536\n', 'ann', 1000)).to.deep.equal([{ start: 1, count: 65535 }]);
    const problem = subidsProblem('ann:0:65536\n', 'ann', 1000, '/etc/subuid');
    expect(problem?.why).to.match(/ann:0:65536 in \/etc\/subuid.*id 0/);
    expect(problem?.hint).to.match(/usermod --del-subuids 0-65535 --add-subuids 100000-165535 ann/);
  });

  it('reads no line with the line end of Windows, as newuidmap does, and says so', () => {
    expect(parseSubids('ann:100000:65536\r\n', 'ann', 1000)).to.deep.equal([]);
    expect(subidsProblem('ann:100000:65536\r\n', 'ann', 1000, '/etc/subgid')).to.deep.equal({
      why: '/etc/subgid has the line ends of Windows (CRLF)',
      hint: "sudo sed -i 's/\\r$//' /etc/subgid",
    });
    expect(subidsProblem('bob:100000:65536\r\nann:1:2\n', 'ann', 1000, '/etc/subuid')).to.be.undefined;
  });

  it('reads the output of getsubids', () => {
    const text = '0: ann 100000 65536\n1: DOM\\ann b 165536 65536\nError fetching ranges\n2: x 7\n';
    expect(parseGetsubids(text)).to.deep.equal([
      { start: 100000, count: 65536 },
      { start: 165536, count: 65536 },
    ]);
  });

  for (const [name, id, ranges, expected] of [
    ['no ranges', 1000, [], [[0, 1000, 1]]],
    [
      'one range',
      1000,
      [[100000, 65536]],
      [
        [0, 1000, 1],
        [1, 100000, 65536],
      ],
    ],
    [
      'two ranges, kept apart even if adjacent: newuidmap wants each line within one range',
      1000,
      [
        [100000, 10],
        [100010, 10],
      ],
      [
        [0, 1000, 1],
        [1, 100000, 10],
        [11, 100010, 10],
      ],
    ],
    [
      'an overlap is mapped once',
      1000,
      [
        [100000, 65536],
        [150000, 65536],
        [100000, 65536],
      ],
      [
        [0, 1000, 1],
        [1, 100000, 65536],
        [65537, 165536, 50000],
      ],
    ],
    [
      'a range around the id itself is cut in two',
      1000,
      [[999, 3]],
      [
        [0, 1000, 1],
        [1, 999, 1],
        [2, 1001, 1],
      ],
    ],
    ['a range that is just the id', 1000, [[1000, 1]], [[0, 1000, 1]]],
    [
      'the last id is never mapped',
      1000,
      [[END - 1, 100]],
      [
        [0, 1000, 1],
        [1, END - 1, 1],
      ],
    ],
    [
      'everything',
      0,
      [[0, END]],
      [
        [0, 0, 1],
        [1, 1, END - 1],
      ],
    ],
    ['nonsense', 1000, [[-1, 5]], [[0, 1000, 1]]],
  ] as [string, number, [number, number][], number[][]][]) {
    it(`plans: ${name}`, () => {
      const given = ranges.map(([start, count]) => ({ start, count }));
      expect(planIdMap(id, given)).to.deep.equal(expected);
    });
  }

  it('stops at the 340 lines that the kernel takes', () => {
    const many = Array.from({ length: 1000 }, (_, index) => ({ start: 100000 + 10 * index, count: 5 }));
    expect(planIdMap(1000, many)).to.have.lengthOf(340);
  });

  it('always makes a map that the kernel accepts: disjoint on both sides, in bounds', () => {
    const near = fc.oneof(fc.nat(60), fc.nat(END), fc.integer({ min: END - 60, max: END + 60 }));
    const ranges = fc.array(fc.record({ start: near, count: near }), { maxLength: 30 });
    fc.assert(
      fc.property(fc.nat(60), ranges, (id, given) => {
        const map = planIdMap(id, given);
        expect(map[0]).to.deep.equal([0, id, 1]);
        for (const side of [0, 1] as const) {
          const sorted = map.map((line) => [line[side], line[side] + line[2]] as const).sort((a, b) => a[0] - b[0]);
          sorted.forEach(([start, end], index) => {
            expect(start).to.be.at.least(sorted[index - 1]?.[1] ?? 0);
            expect(end).to.be.within(start + 1, END);
          });
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('reads any text', () => {
    fc.assert(fc.property(fc.string(), (text) => [parseSubids(text, 'ann', 1000), parseGetsubids(text)].length === 2));
  });
});
