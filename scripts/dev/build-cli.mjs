/**
 * Bundle the programs that the launcher calls into DIRECTORY, NAME-program.cjs each, with src/cli/entry.cjs as NAME.cjs,
 * and what V8 makes of each beside it, for src/cli/load.cjs.
 * Called by build.sh: node build-cli.mjs DIRECTORY
 *
 * The sources and the library are ES modules; these files are CommonJS: Node.js 20 starts one 15 ms sooner, because it
 * sets up no loader of ES modules, and loads none of the parts of a built-in module that nobody asks for.
 */
import { build } from 'esbuild';
import { copyFileSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join, resolve } from 'node:path';
import { setFlagsFromString } from 'node:v8';

const directory = process.argv[2] ?? 'dist/cli';
const alone = readdirSync('src/cli/alone').map((file) => file.replace(/\.ts$/, ''));
const { metafile } = await build({
  // All in one directory, as paths from them to the package's files are the same as from the library's.
  entryPoints: [
    { in: 'src/cli/main.ts', out: 'main-program' },
    // What main.ts loads late: parsing it would delay what can't wait.
    { in: 'src/cli/program.ts', out: 'program' },
    ...alone.map((name) => ({ in: `src/cli/alone/${name}.ts`, out: `${name}-program` })),
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
  outdir: directory,
  outExtension: { '.js': '.cjs' },
  metafile: true,
});

const needed = /^>=(\d+\.\d+)$/.exec(JSON.parse(readFileSync('package.json', 'utf8')).engines.node)?.[1];
if (needed === undefined) throw new Error('package.json must name the oldest Node.js as ">=MAJOR.MINOR"');
const entry = readFileSync('src/cli/entry.cjs', 'utf8').replaceAll('NEEDED', needed);
for (const name of ['main', ...alone]) writeFileSync(`${directory}/${name}.cjs`, entry);

copyFileSync('src/cli/load.cjs', `${directory}/load.cjs`);
const { compile } = createRequire(import.meta.url)(resolve(directory, 'load.cjs'));
for (const name of ['program', ...['main', ...alone].map((each) => `${each}-program`)]) {
  // With all functions: of a lazy one V8 would keep no more than that it can be parsed.
  setFlagsFromString('--no-lazy');
  const script = compile(name);
  setFlagsFromString('--lazy');
  const cache = script.createCachedData();
  if (compile(name, cache).cachedDataRejected === false) writeFileSync(`${directory}/${name}.cache`, cache);
  else console.warn(`build: this Node.js does not take what it has compiled itself of ${name}; it will start slower`);
}

// What is bundled goes with its license.
const directories = Object.keys(metafile.inputs).flatMap(
  (file) => /^node_modules\/(@[^/]+\/)?[^/]+/.exec(file)?.[0] ?? [],
);
for (const bundled of new Set(directories)) {
  const license = readdirSync(bundled).find((file) => /^licen[cs]e/i.test(file));
  if (license === undefined) throw new Error(`${bundled} is bundled and has no license file`);
  copyFileSync(join(bundled, license), `${directory}/${basename(bundled)}.LICENSE`);
}
