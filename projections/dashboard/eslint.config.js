import js from '@eslint/js'
import vue from 'eslint-plugin-vue'
import a11y from 'eslint-plugin-vuejs-accessibility'
import tseslint from 'typescript-eslint'

const browser = ['window', 'document', 'console', 'WebSocket', 'URL', 'Blob', 'process']
const globals = Object.fromEntries(browser.map((name) => [name, 'readonly']))

export default tseslint.config(
  { ignores: ['dist', 'node_modules', 'src/api/schema.ts', 'e2e/out'] },
  js.configs.recommended,
  ...tseslint.configs.strict,
  ...vue.configs['flat/recommended'],
  ...a11y.configs['flat/recommended'],
  {
    files: ['**/*.{ts,vue,mjs,js}'],
    languageOptions: { globals, parserOptions: { parser: tseslint.parser } },
    rules: {
      'no-undef': 'off', // TypeScript knows better
      'max-lines': ['error', 300],
      'no-console': 'off',
      'vue/require-default-prop': 'off', // TypeScript says which are optional
      'vue/max-attributes-per-line': 'off',
      'vue/singleline-html-element-content-newline': 'off',
      'vue/html-self-closing': ['error', { html: { void: 'always' } }],
      'vue/no-v-html': 'error',
      'vuejs-accessibility/label-has-for': ['error', { required: { some: ['nesting', 'id'] } }],
      'vuejs-accessibility/form-control-has-label': 'off', // the label stands next to it; axe checks the page
    },
  },
  { files: ['**/*.test.ts', 'e2e/**'], rules: { '@typescript-eslint/no-non-null-assertion': 'off' } },
)
