import { defineConfig } from "vite";

const FRAME = /node_modules|src\/core\/(api|keys|live|prefs|query|router|states|time)\.ts|src\/parts\/(icon|lazy|page|state|time|toast)\.tsx/;

// What is built is committed (src/tradewind/ui/dist), so it must come out the same everywhere:
// names carry a hash of their content, nothing carries a time or a path.
export default defineConfig({
  base: "/",
  build: {
    outDir: "../src/tradewind/ui/dist",
    emptyOutDir: true,
    target: "es2022",
    cssCodeSplit: false,
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    reportCompressedSize: false,
    rolldownOptions: {
      output: {
        entryFileNames: "assets/[name]-[hash].js",
        chunkFileNames: "assets/[name]-[hash].js",
        assetFileNames: "assets/[name]-[hash][extname]",
        // What every page needs is one file: a request more costs more than the bytes.
        codeSplitting: { groups: [{ name: "frame", test: FRAME }] },
      },
    },
  },
  worker: { format: "es" },
  server: {
    proxy: {
      "/ui": "http://127.0.0.1:8080",
      "/api": "http://127.0.0.1:8080",
      "/auth": "http://127.0.0.1:8080",
    },
  },
});
