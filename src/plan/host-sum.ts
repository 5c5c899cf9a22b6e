/**
 * What the host's files about name servers hold, as one line: by it scripts/watching.sh tells, without Node, whether they hold
 * something else. That of cksum(1), which every system has.
 */
import { BEHIND_STUB } from './resolv-conf.js';

/** Those that resolv.conf inside is made from. */
export const HOST_FILES: readonly string[] = ['/etc/resolv.conf', ...BEHIND_STUB.values()];

/** As much of them as counts. */
const LIMIT = 1_000_000;

/** @param read - text of a file; undefined: it is no file. */
export function sumOfHostFiles(read: (path: string) => string | undefined): string {
  const texts = HOST_FILES.map((path) => [path, read(path)] as const).filter(([, text]) => text !== undefined);
  const names = texts.map(([path]) => path).join(' ');
  return cksum(Buffer.from(`${names}\n${texts.map(([, text]) => text).join('')}`).subarray(0, LIMIT));
}

/** POSIX, cksum: a CRC of the bytes and then of their number, the lowest byte first and as many as it has. */
export function cksum(bytes: Uint8Array): string {
  let crc = 0;
  const add = (byte: number): void => {
    crc ^= byte << 24;
    for (let bit = 0; bit < 8; bit += 1) crc = crc < 0 ? (crc << 1) ^ 0x04c1_1db7 : crc << 1;
  };
  bytes.forEach(add);
  for (let length = bytes.length; length > 0; length = Math.floor(length / 256)) add(length % 256);
  return `${~crc >>> 0} ${bytes.length}`;
}
