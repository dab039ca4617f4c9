import { defineConfig } from 'vitest/config'

// Browser tests against a running stack; EIGHTBELLS_DATA or the variables in stack.ts say which.
export default defineConfig({
  test: {
    environment: 'node',
    include: ['e2e/*.test.ts'],
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 60_000,
    reporters: ['verbose'],
  },
})
