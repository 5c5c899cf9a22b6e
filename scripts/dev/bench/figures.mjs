/** Figures, and the table in which each stands beside its target. */

/** The value that `share` of them (0 to 1) don't exceed. */
export const percentile = (values, share) => {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? NaN;
};

export const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

export const ms = (seconds) => `${(seconds * 1000).toFixed(2)} ms`;

const rows = [];

export const row = (label, value = '') => rows.push([label, value]);

export function target(label, value, limit, unit = '') {
  const verdict = value <= limit ? 'reached' : 'NOT REACHED';
  rows.push([label, `${value.toFixed(3)}${unit}`, `<= ${limit}${unit}`, verdict]);
}

export function printTable() {
  const width = Math.max(0, ...rows.filter(([, value]) => value !== '').map(([label]) => label.length));
  for (const [label, value, limit = '', verdict = ''] of rows) {
    console.log(`${label.padEnd(width)}  ${value.padStart(11)}  ${limit.padEnd(9)}  ${verdict}`.trimEnd());
  }
}
