import { defineConfig } from 'vitest/config'

// Browser tests against a running stack, which `python -m tests.stack` brings up; the limits are for a busy machine.
export default defineConfig({
  test: {
    environment: 'node',
    include: ['e2e/*.test.ts'],
    fileParallelism: false,
    testTimeout: 240_000,
    hookTimeout: 60_000,
    reporters: ['verbose'],
  },
})
