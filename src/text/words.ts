/** Numbers and times for people. */

/** "1 command", "2 commands". */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

const SIZES = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** "12 kB": in thousands, as programs for networks count. */
export function bytes(number: number): string {
  const index = Math.min(SIZES.length - 1, Math.floor(Math.log10(Math.max(1, number)) / 3));
  const value = number / 1000 ** index;
  return `${value < 10 && index > 0 ? value.toFixed(1) : Math.floor(value)} ${SIZES[index] ?? ''}`;
}

const UNITS = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
  ['s', 1],
] as const;

/** The time since then in its largest unit: "3 min". A clock that was set back makes it none. */
export function age(since: string, now = Date.now()): string {
  const seconds = Math.max(0, (now - Date.parse(since)) / 1000);
  const [unit, length] = UNITS.find(([, limit]) => seconds >= limit) ?? (['s', 1] as const);
  return `${Math.floor(seconds / length)} ${unit}`;
}
