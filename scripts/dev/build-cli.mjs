/** Bundle the programs that the launcher calls into dist/cli: what one needs is then one file, or few. Called by `npm run build`. */
import { build } from 'esbuild';
import { copyFileSync, rmSync } from 'node:fs';

const options = {
  bundle: true,
  // A static import of a part that is loaded late would come to the top of a bundle in one piece.
  splitting: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  // Loaded only where they are needed, mostly not at all. commander is always needed, and takes 10 ms less from the bundle.
  external: ['execa', 'ini', 'smol-toml', 'string-width', 'winston'],
  // commander is CommonJS, and calls it.
  banner: {
    js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);",
  },
  logLevel: 'warning',
  outdir: 'dist/cli',
};

rmSync('dist/cli', { recursive: true, force: true });
await build({ ...options, entryPoints: ['src/cli/main.ts'] });
await build({ ...options, entryPoints: ['src/cli/containers.ts'] });
copyFileSync('node_modules/commander/LICENSE', 'dist/cli/commander.LICENSE');
