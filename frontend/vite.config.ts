import { defineConfig } from "vite";

// One entry per page; Django finds the hashed files through dist/manifest.json.
export default defineConfig({
  base: "/static/",
  build: {
    manifest: "manifest.json",
    target: "es2022",
    modulePreload: { polyfill: false }, // every browser with es2022 has it
    assetsInlineLimit: 0, // an inlined asset cannot be cached, nor served under a strict CSP
    rollupOptions: {
      input: [
        "src/room.ts",
        "src/pages/lobby.ts",
        "src/pages/leaderboard.ts",
        "src/pages/plain.ts",
        "src/admin/metrics.ts",
        "src/admin/runbook.css",
      ],
    },
  },
});
