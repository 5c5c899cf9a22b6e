/** A file in an archive. */
export interface Entry {
  /** Less than 100 bytes. */
  name: string;
  content: string;
}

const BLOCK = 512;

/** A tar archive of texts, in the ustar format: https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html */
export function tar(entries: readonly Entry[], modified: Date): Buffer {
  const blocks = entries.flatMap(({ name, content }) => {
    const data = Buffer.from(content);
    return [header(name, data.length, modified), data, Buffer.alloc((BLOCK - (data.length % BLOCK)) % BLOCK)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK)]);
}

/** Owned by nobody in particular: the names of the caller are no business of those who read it. */
function header(name: string, size: number, modified: Date): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, offset: number, length: number) =>
    block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, offset, 'latin1');
  block.write(name, 0, 'latin1');
  octal(0o644, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size, 124, 12);
  octal(Math.floor(modified.getTime() / 1000), 136, 12);
  block.write('0', 156, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  // The sum of all bytes, for which its own field counts as blanks.
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}
