import { expect } from 'chai';
import fc from 'fast-check';
import { table } from '../../../src/cli/table.js';
import { columnsOf, fit } from '../../../src/text/columns.js';
import { printable } from '../../../src/text/printable.js';
import { age, count } from '../../../src/text/words.js';

const plain = { columns: undefined, colour: false };

describe('what a terminal would obey or hide', () => {
  it('is shown as an escape', () => {
    expect(printable('a\x1b[2Jb\r\n\tc\x00\x7f\u009b\u{202e}\u{200b}\u{2028}\u{e0001}')).to.equal(
      'a\\x1b[2Jb\\r\\n\\tc\\x00\\x7f\\x9b\\u{202e}\\u{200b}\\u{2028}\\u{e0001}',
    );
  });

  it('is in no text that was made visible; what can be seen stays', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(printable(text)).to.not.match(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      }),
    );
    expect(printable('naïve 日本語 \\ "x"')).to.equal('naïve 日本語 \\ "x"');
  });
});

describe('fit', () => {
  it('cuts what is too wide, and counts wide characters twice, and marks not at all', () => {
    expect(columnsOf('日本e\u0301x')).to.equal(6);
    expect(fit('日本語', 6)).to.equal('日本語');
    expect(fit('日本語', 5)).to.equal('日本…');
    expect(fit('日本語', 4)).to.equal('日…');
    expect(fit('abc', 0)).to.equal('');
  });

  it('never gives more columns than there are', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.nat(20), (text, columns) => {
        expect(columnsOf(fit(printable(text), columns))).to.be.at.most(columns);
      }),
    );
  });
});

describe('table', () => {
  it('has columns as wide as what is in them, and no blanks at the ends of lines', () => {
    expect(
      table(
        ['A', 'LONG', 'C'],
        [
          ['1', '2', 'x y'],
          ['long', '日本', ''],
        ],
        plain,
      ),
    ).to.equal('A     LONG  C\n1     2     x y\nlong  日本');
  });

  it('is cut at the edge of the screen, with its colour', () => {
    expect(table(['A', 'B'], [['1', 'a\x1bc def']], { columns: 8, colour: true })).to.equal(
      '\x1b[1mA  B\x1b[22m\n1  a\\x1…',
    );
  });
});

describe('words', () => {
  it('count and tell the time', () => {
    expect([count(1, 'command'), count(2, 'command'), count(0, 'process', 'processes')]).to.deep.equal([
      '1 command',
      '2 commands',
      '0 processes',
    ]);
    const now = Date.parse('2026-01-02T00:00:00Z');
    const ago = (seconds: number): string => age(new Date(now - seconds * 1000).toISOString(), now);
    expect([-5, 0, 59, 60, 3599, 3600, 86_399, 200_000].map(ago)).to.deep.equal([
      ...['0 s', '0 s', '59 s', '1 min', '59 min', '1 h', '23 h', '2 d'],
    ]);
  });
});
