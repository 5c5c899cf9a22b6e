/**
 * Which names a pattern means: `*` is any text, slashes too, and `?` one character, as in a shell's `case`. Without a
 * slash it is read with dots, as sysctl(8) prints names.
 */
export function matcher(pattern: string | undefined): (name: string) => boolean {
  if (pattern === undefined) return () => true;
  const path = pattern.includes('/') ? pattern : pattern.replaceAll('.', '/');
  const source = path
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  const regexp = new RegExp(`^${source}$`, 's');
  return (name) => regexp.test(name);
}
