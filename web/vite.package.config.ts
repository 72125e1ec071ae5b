import { defineConfig } from 'vite'

/* The client and the store for other applications: two modules, which leave React and Zustand to whoever imports them. */
export default defineConfig({
  publicDir: false,
  build: {
    outDir: 'dist',
    target: 'es2022',
    minify: false,
    reportCompressedSize: false,
    lib: {
      entry: { client: 'src/services/api.ts', store: 'src/store/orgStore.ts' },
      formats: ['es'],
    },
    rollupOptions: {
      external: [/^react($|\/)/, /^zustand($|\/)/],
      output: { chunkFileNames: '[name].js' },
    },
  },
})
