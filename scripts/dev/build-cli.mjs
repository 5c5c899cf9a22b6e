/**
 * Bundle the programs that the launcher calls into dist/cli, each one file. Called by `npm run build`.
 *
 * The sources and the library are ES modules; these files are CommonJS: Node.js 20 starts one 15 ms sooner, because it
 * sets up no loader of ES modules, and loads none of the parts of a built-in module that nobody asks for.
 */
import { build } from 'esbuild';
import { copyFileSync, readdirSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';

rmSync('dist/cli', { recursive: true, force: true });
const { metafile } = await build({
  // All in one directory, as paths from them to the package's files are the same as from the library's.
  entryPoints: [
    { in: 'src/cli/main.ts', out: 'main' },
    // What main.ts loads late: parsing it would delay what can't wait.
    { in: 'src/cli/program.ts', out: 'program' },
    ...readdirSync('src/cli/alone').map((file) => ({ in: `src/cli/alone/${file}`, out: file.replace(/\.ts$/, '') })),
  ],
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'cjs',
  // Loaded only where they are needed, mostly not at all. The others are always needed, as commander is, which takes 10 ms
  // less from the bundle; or are ES modules only, as string-width is, which CommonJS can't require.
  external: ['execa', 'ini', 'smol-toml', 'winston'],
  // 3 ms less to read and to parse, most of them for commander's comments; names stay, for stack traces.
  minifyWhitespace: true,
  minifySyntax: true,
  define: { 'import.meta.url': 'importMetaUrl' },
  banner: { js: "const importMetaUrl = require('node:url').pathToFileURL(__filename).href;" },
  logLevel: 'warning',
  outdir: 'dist/cli',
  outExtension: { '.js': '.cjs' },
  metafile: true,
});

// What is bundled goes with its license.
const directories = Object.keys(metafile.inputs).flatMap(
  (file) => /^node_modules\/(@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? [],
);
for (const directory of new Set(directories)) {
  const license = readdirSync(directory).find((file) => /^licen[cs]e/i.test(file));
  if (license === undefined) throw new Error(`${directory} is bundled and has no license file`);
  copyFileSync(join(directory, license), `dist/cli/${basename(directory)}.LICENSE`);
}
