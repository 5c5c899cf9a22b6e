import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/**
 * Imports point one way: cli -> doctor, lifecycle, inspect -> namespace, cni -> state -> driver -> exec -> errors.
 * `graph` draws what `inspect` has found. `plan`, `config` and `text` are leaves: they import types and errors only. Each entry
 * lists what its folder may import. What is in the folder of a driver is reached by src/driver/drivers.ts alone.
 */
const folders = [
  'cli',
  'completion',
  'library',
  'doctor',
  'lifecycle',
  'graph',
  'inspect',
  'namespace',
  'netavark',
  'oci',
  'ports',
  'driver',
  'cni',
  'state',
  'exec',
  'log',
  'plan',
  'config',
  'text',
];
const allowed = {
  cli: folders,
  completion: [],
  library: ['inspect', 'namespace', 'cni', 'state', 'config'],
  doctor: ['inspect', 'lifecycle', 'namespace', 'ports', 'driver', 'cni', 'state', 'exec', 'log', 'plan', 'config'],
  lifecycle: ['namespace', 'driver', 'cni', 'state', 'exec', 'log', 'plan', 'config'],
  inspect: [
    'lifecycle',
    'namespace',
    'ports',
    'netavark',
    'driver',
    'cni',
    'state',
    'exec',
    'log',
    'plan',
    'config',
    'text',
  ],
  graph: ['inspect', 'ports', 'driver', 'cni', 'state', 'plan', 'text'],
  netavark: ['state', 'config', 'plan'],
  oci: ['cni', 'state', 'config'],
  ports: ['namespace', 'state', 'exec', 'plan', 'config'],
  namespace: ['driver', 'state', 'exec', 'log', 'plan', 'config'],
  cni: ['state', 'exec', 'plan', 'config'],
  // The record of a namespace holds its plan.
  state: ['driver', 'exec', 'log', 'plan', 'config'],
  driver: ['exec', 'log', 'plan', 'config'],
  exec: ['log', 'config'],
  log: ['config', 'text'],
  plan: ['config'],
  config: [],
  text: [],
};

const arrows = Object.entries(allowed).map(([folder, may]) => ({
  files: [`src/${folder}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          ...folders
            .filter((other) => other !== folder && !may.includes(other))
            .map((other) => ({ group: [`**/${other}/*`], message: `src/${folder} must not import src/${other}` })),
          ...(folder === 'driver' ? [] : [{ group: ['**/driver/*/*'], message: 'ask src/driver/drivers.ts' }]),
        ],
      },
    ],
  },
}));

export default tseslint.config(
  { ignores: ['dist/', 'dist.*/', 'build/', 'node_modules/'] },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ['eslint.config.js'] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
    },
  },
  {
    // Only `config` reads the environment and only `cli` the command line; the others are given values.
    files: ['src/**/*.ts'],
    ignores: ['src/config/**', 'src/cli/**'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'env', message: 'only src/config and src/cli read the environment' },
        { object: 'process', property: 'argv', message: 'only src/cli reads the command line' },
        { object: 'process', property: 'exit', message: 'only src/cli ends the process' },
      ],
    },
  },
  ...arrows,
  {
    files: ['test/**/*.ts'],
    rules: { '@typescript-eslint/no-unused-expressions': 'off', '@typescript-eslint/no-non-null-assertion': 'off' },
  },
  {
    files: ['**/*.js', '**/*.mjs'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { globals: { process: 'readonly', console: 'readonly', URL: 'readonly' } },
  },
  {
    files: ['**/*.cjs'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: {
      ecmaVersion: 5,
      sourceType: 'commonjs',
      globals: { process: 'readonly', require: 'readonly', __filename: 'readonly' },
    },
    rules: {
      'no-var': 'off',
      'prefer-const': 'off',
      '@typescript-eslint/no-require-imports': 'off',
    },
  },
  {
    // The other one is for every Node.js.
    files: ['src/cli/load.cjs'],
    languageOptions: { ecmaVersion: 2022, globals: { module: 'readonly', __dirname: 'readonly' } },
  },
);
