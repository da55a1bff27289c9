import globals from 'globals';
import tseslint from 'typescript-eslint';

const restricted = (patterns) => ['error', { patterns }];
const vscodeOnlyInExtension = { group: ['vscode'], message: 'Only extension/ knows VS Code.' };

export default tseslint.config(
  { ignores: ['dist/**', 'node_modules/**', '.sandbox/**'] },
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      globals: { ...globals.node },
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: 'error',
      'no-console': 'error',
      'prefer-const': 'error',
      'max-lines': ['error', { max: 400, skipBlankLines: false, skipComments: false }],
      'max-lines-per-function': ['error', { max: 80, skipBlankLines: true, skipComments: true }],
      'no-restricted-properties': [
        'error',
        { object: 'process', property: 'exit', message: 'Only agent/main.ts ends the process.' },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
    },
  },
  {
    files: ['agent/**'],
    rules: {
      'no-restricted-imports': restricted([vscodeOnlyInExtension, { group: ['**/extension/**', '**/webview/**'] }]),
    },
  },
  {
    files: ['agent/protocol/**'],
    rules: {
      'no-restricted-imports': restricted([
        vscodeOnlyInExtension,
        { regex: '^(?!zod$|\\./)', message: 'The wire imports zod alone.' },
      ]),
    },
  },
  {
    files: ['agent/**'],
    ignores: ['agent/schedule/cron.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        { selector: "ImportDeclaration[source.value='node-cron']", message: 'Only schedule/cron.ts knows node-cron.' },
      ],
    },
  },
  {
    files: ['extension/**'],
    rules: {
      'no-restricted-imports': restricted([
        {
          regex: '/agent/(?!protocol/|runbook/(inspect|blockProblem|hiddenCharacters)\\.ts)',
          message: 'Of the agent only the wire and the reading of runbooks may be imported.',
        },
      ]),
    },
  },
  {
    files: ['extension/client/**', 'extension/state/**'],
    rules: { 'no-restricted-imports': restricted([vscodeOnlyInExtension, { regex: '/agent/(?!protocol/)' }]) },
  },
  { files: ['agent/main.ts'], rules: { 'no-restricted-properties': 'off' } },
  {
    files: ['test/**'],
    languageOptions: { globals: { ...globals.mocha } },
    rules: {
      'max-lines-per-function': 'off',
      'no-console': 'off',
      'no-restricted-properties': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  {
    files: ['webview/**'],
    languageOptions: { globals: { ...globals.browser } },
    rules: {
      'no-restricted-imports': restricted([
        { regex: '^\\.\\./', message: 'A page knows its extension by webview/protocol.ts alone.' },
        { regex: '^@(vscode|microsoft)/', message: 'Only webview/components.ts knows the toolkit.' },
      ]),
    },
  },
  { files: ['webview/components.ts'], rules: { 'no-restricted-imports': 'off' } },
  {
    files: ['**/*.mjs'],
    ...tseslint.configs.disableTypeChecked,
    rules: {
      ...tseslint.configs.disableTypeChecked.rules,
      'no-console': 'off',
      'no-restricted-properties': 'off',
      'max-lines-per-function': 'off',
    },
  },
);
