import { readFileSync } from 'node:fs';

/**
 * The API reference: `npm run docs:api` writes it, and `npm run check` fails for an export without a comment.
 *
 * An error code's meaning is its value, which the reference shows: a comment would only say it again.
 */
const codes = readFileSync(new URL('src/errors/error.ts', import.meta.url), 'utf8').match(/^ {2}ERR_\w+(?=:)/gm) ?? [];

export default {
  name: 'rnetns',
  entryPoints: ['src/index.ts'],
  tsconfig: 'tsconfig.build.json',
  readme: 'docs/library.md',
  out: 'build/api',
  // Links to the sources would need a commit that is published.
  disableSources: true,
  excludePrivate: true,
  intentionallyNotDocumented: codes.map((code) => `ERROR_CODES.__type.${code.trim()}`),
  validation: { notExported: true, invalidLink: true, notDocumented: true },
  treatWarningsAsErrors: true,
  treatValidationWarningsAsErrors: true,
};
