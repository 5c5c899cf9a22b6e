/**
 * Bundle the programs that the launcher calls into dist/cli, each one file. Called by `npm run build`.
 *
 * The sources and the library are ES modules; these files are CommonJS: Node.js 20 starts one 15 ms sooner, because it
 * sets up no loader of ES modules, and loads none of the parts of a built-in module that nobody asks for.
 */
import { build } from 'esbuild';
import { copyFileSync, readdirSync, rmSync } from 'node:fs';

rmSync('dist/cli', { recursive: true, force: true });
await build({
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
  // Loaded only where they are needed, mostly not at all. commander is always needed, and takes 10 ms less from the bundle.
  external: ['execa', 'ini', 'smol-toml', 'string-width', 'winston'],
  // 3 ms less to read and to parse, most of them for commander's comments; names stay, for stack traces.
  minifyWhitespace: true,
  minifySyntax: true,
  define: { 'import.meta.url': 'importMetaUrl' },
  banner: { js: "const importMetaUrl = require('node:url').pathToFileURL(__filename).href;" },
  logLevel: 'warning',
  outdir: 'dist/cli',
  outExtension: { '.js': '.cjs' },
});
copyFileSync('node_modules/commander/LICENSE', 'dist/cli/commander.LICENSE');
