import { defineConfig } from 'vitest/config'

const GATEWAY = 'http://127.0.0.1:8080'

export default defineConfig({
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    // The page's policy allows data: addresses for nothing but images, so no other asset is inlined.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // What the chat begins with is one file: each one more is a request more before somebody can write.
    rolldownOptions: { output: { codeSplitting: { groups: [{ name: 'index', tags: ['$initial'] }] } } },
  },
  server: {
    proxy: {
      // The gateway compares Origin with its own address, so the proxy speaks as that origin.
      '/api': { target: GATEWAY, changeOrigin: true, headers: { Origin: GATEWAY } },
    },
  },
  test: {
    environment: 'happy-dom',
    include: ['tests/**/*.test.{ts,tsx}'],
    // The tests that read thousands of texts take a second; a loaded machine may take ten times that.
    testTimeout: 20_000,
  },
})
