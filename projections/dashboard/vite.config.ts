import { fileURLToPath } from 'node:url'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'

// The read API of a running stack, for `npm run dev`; `eightbells status --json` says where it is.
const api = process.env.EIGHTBELLS_API ?? 'http://127.0.0.1:8081'

export default defineConfig({
  plugins: [vue()],
  resolve: { alias: { '@': fileURLToPath(new URL('src', import.meta.url)) } },
  define: {
    __VUE_OPTIONS_API__: true, // Element Plus needs it
    __VUE_PROD_DEVTOOLS__: false,
    __VUE_I18N_LEGACY_API__: false,
    __VUE_I18N_FULL_INSTALL__: false,
    __INTLIFY_PROD_DEVTOOLS__: false,
  },
  build: {
    target: 'es2022',
    manifest: true,
    assetsInlineLimit: 0, // no data: addresses, so that the CSP needs none
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 800, // scripts/check-budget.mjs is the real limit
  },
  server: {
    proxy: {
      '^/(login|logout)$': {
        target: api,
        bypass: (request) => (request.method === 'GET' ? '/index.html' : undefined),
      },
      '/api': { target: api, ws: true },
    },
  },
  test: {
    environment: 'happy-dom',
    include: ['src/**/*.test.ts'],
    restoreMocks: true,
    server: { deps: { inline: ['element-plus'] } },
  },
})
