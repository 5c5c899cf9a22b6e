/** Numbers and times for people. */

/** "1 command", "2 commands". */
export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
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
