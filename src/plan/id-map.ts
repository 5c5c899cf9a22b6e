/**
 * The id map of the user namespace: the caller's id becomes 0, subordinate ids follow.
 *
 * newuidmap(1) and the kernel refuse a map as a whole for one bad line (user_namespaces(7), "Defining user and group
 * ID mappings"), and files such as /etc/subuid do hold overlapping lines. So bad parts are cut away here.
 * https://man7.org/linux/man-pages/man7/user_namespaces.7.html
 */

/** `count` ids from `start` on, outside the namespace. */
export interface SubidRange {
  start: number;
  count: number;
}

/** One line of uid_map or gid_map. */
export type IdMapLine = [inside: number, outside: number, count: number];

/** Lines the kernel takes since Linux 4.15 (5 before): user_namespaces(7). */
const MAX_LINES = 340;
/** One past the last id: 4294967295 is (uid_t) -1, "no id", and cannot be mapped. */
const ID_END = 0xffff_ffff;

const toRange = (start: string | undefined, count: string | undefined): SubidRange => ({
  start: Number(start),
  count: Number(count),
});

const isValid = ({ start, count }: SubidRange): boolean =>
  Number.isInteger(start) && Number.isInteger(count) && start >= 0 && start < ID_END && count > 0;

/**
 * The ranges of one user in the text of `/etc/subuid` or `/etc/subgid` (subuid(5): `name-or-uid:start:count`),
 * in the file's order. Malformed and foreign lines are ignored, as newuidmap(1) does: the carriage return of a file
 * from Windows is part of a field to it.
 *
 * The host's id 0 is cut away: the kernel refuses to map it (user_namespaces(7)), and with it the whole map.
 *
 * @param uid - the user's id, which may stand instead of the name; in `/etc/subgid` too it is the *user's*.
 */
export function parseSubids(text: string, user: string, uid: number): SubidRange[] {
  return text
    .split('\n')
    .map((line) => line.replace(/^[ \t]+|[ \t]+$/g, '').split(':'))
    .filter(([owner, start, count, more]) => {
      const isOurs = owner !== '' && (owner === user || owner === String(uid));
      return isOurs && more === undefined && /^\d+$/.test(start ?? '') && /^\d+$/.test(count ?? '');
    })
    .map(([, start, count]) => withoutRoot(toRange(start, count)))
    .filter(isValid);
}

function withoutRoot({ start, count }: SubidRange): SubidRange {
  return start === 0 ? { start: 1, count: count - 1 } : { start, count };
}

/** What is wrong with the lines of one user, so that they give fewer ids than they seem to, or none; else undefined. */
export function subidsProblem(
  text: string,
  user: string,
  uid: number,
  file: string,
): { why: string; hint: string } | undefined {
  const lines = text.split('\n').filter((line) => [user, String(uid)].includes(line.trim().split(':')[0] ?? ''));
  if (lines.some((line) => line.endsWith('\r'))) {
    return { why: `${file} has the line ends of Windows (CRLF)`, hint: `sudo sed -i 's/\\r$//' ${file}` };
  }
  const root = lines.find((line) => /^[^:]*:0:/.test(line));
  if (root === undefined) return undefined;
  const option = file.endsWith('gid') ? 'gids' : 'uids';
  const [, , count] = root.split(':');
  return {
    why: `${root} in ${file} gives the host's id 0, which can't be mapped`,
    hint: `sudo usermod --del-sub${option} 0-${Number(count) - 1} --add-sub${option} 100000-165535 ${user}`,
  };
}

/** The ranges in the output of getsubids(1), one a line: `0: user 100000 65536`. Other lines are ignored. */
export function parseGetsubids(text: string): SubidRange[] {
  return text
    .split('\n')
    .map((line) => /^\d+:\s+\S.*\s(\d+)\s+(\d+)\s*$/.exec(line))
    .filter((match) => match !== null)
    .map(([, start, count]) => toRange(start, count))
    .filter(isValid);
}

/** What of `range` none of `taken` covers; none of the pieces spans two ranges, which newuidmap would refuse. */
function subtract(range: SubidRange, taken: readonly SubidRange[]): SubidRange[] {
  return taken.reduce<SubidRange[]>(
    (pieces, used) =>
      pieces.flatMap(({ start, count }) => {
        const end = start + count;
        const usedEnd = used.start + used.count;
        return [
          { start, count: Math.min(end, used.start) - start },
          { start: Math.max(start, usedEnd), count: end - Math.max(start, usedEnd) },
        ].filter((piece) => piece.count > 0);
      }),
    [range],
  );
}

/**
 * The map that makes `id` 0 inside and the ranges 1 and up, in their order: `[[0, id, 1], [1, start, count], …]`.
 *
 * Ids that an earlier line maps already (`id` itself included) are cut out of a range, ids above 4294967294 are cut
 * off, and what does not fit into 340 lines is left out: fewer ids inside, but a map that the kernel takes.
 *
 * @param id - the caller's uid or gid; without ranges it is all that gets mapped.
 */
export function planIdMap(id: number, ranges: readonly SubidRange[]): IdMapLine[] {
  const lines: IdMapLine[] = [[0, id, 1]];
  const taken: SubidRange[] = [{ start: id, count: 1 }];
  let inside = 1;
  for (const { start, count } of ranges.filter(isValid)) {
    for (const piece of subtract({ start, count: Math.min(count, ID_END - start) }, taken)) {
      const fitting = Math.min(piece.count, ID_END - inside);
      if (lines.length === MAX_LINES || fitting === 0) return lines;
      lines.push([inside, piece.start, fitting]);
      taken.push(piece);
      inside += fitting;
    }
  }
  return lines;
}
