import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

// The way of the data. A stage may import the stages before it, never one after it.
const stages = [
  'symbols',
  'expr',
  'plan',
  'attach',
  'events',
  'recording',
  'tree',
  'budget',
  'render',
  'export',
];

// What does something with them.
const uses = ['tracing', 'recorded', 'library', 'commands', 'cli'];

const toFolders = (folders) => folders.map((folder) => `**/${folder}/**`);

const oneWay = stages.map((stage, at) => ({
  files: [`src/${stage}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            group: stage === 'render' ? ['@oclif/**'] : ['@oclif/**', 'chalk', 'cli-table3'],
            message: 'only render/ draws, only commands/ knows oclif',
          },
          {
            group: toFolders([...stages.slice(at + 1), ...uses, 'vm']),
            message:
              'imports go one way: symbols, expr, plan, attach, events, recording, tree, budget, render, export',
          },
        ],
      },
    ],
  },
}));

// The pure middle reads no file, clock, environment or terminal.
const pure = {
  files: ['expr', 'plan', 'events', 'recording', 'tree', 'budget', 'render', 'export'].map(
    (stage) => `src/${stage}/**/*.ts`,
  ),
  rules: {
    'no-restricted-globals': ['error', 'process', 'performance', 'Date'],
  },
};

const vmAlone = {
  files: ['src/vm/**/*.ts'],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: [
          {
            group: ['@oclif/**', 'chalk', 'cli-table3', ...toFolders([...stages, ...uses])],
            message: 'vm/ stands alone',
          },
        ],
      },
    ],
  },
};

export default defineConfig(
  { ignores: ['dist', 'build', 'native/build', 'coverage', 'node_modules'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { project: './tsconfig.check.json' } },
    rules: {
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
    },
  },
  {
    files: ['**/*.{js,mjs}'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        performance: 'readonly',
        Buffer: 'readonly',
        setTimeout: 'readonly',
        AbortController: 'readonly',
      },
    },
  },
  {
    files: ['bin/*.js'],
    languageOptions: {
      sourceType: 'commonjs',
      globals: { require: 'readonly', __dirname: 'readonly' },
    },
  },
  ...oneWay,
  pure,
  vmAlone,
);
