// Builds the console into xapid/http/web: node build.mjs [DIRECTORY]. The same sources and lock file give the same bytes.

import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, "..", "xapid", "http", "web");
const modules = join(here, "node_modules");

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
await build({
  absWorkingDir: here,
  entryPoints: { app: "src/main.tsx", screen: "src/screen.ts" },
  outdir: out,
  bundle: true,
  format: "esm",
  target: ["es2022"],
  minify: true,
  charset: "utf8",
  legalComments: "none", // they stand in NOTICES.txt
  jsx: "automatic",
  jsxImportSource: "preact",
  external: ["/screen.js"],
  logLevel: "warning",
});
await build({
  absWorkingDir: here,
  entryPoints: ["src/app.css"],
  outdir: out,
  minify: true,
  target: ["chrome123", "firefox121", "safari17.5"],
  logLevel: "warning",
});
for (const file of ["index.html", "icon.svg"]) await cp(join(here, "src", file), join(out, file));
await writeFile(join(out, "NOTICES.txt"), await notices());

/** The licences of what is bundled. */
async function notices() {
  const parts = [];
  for (const [name, where, files] of [
    ["preact", "preact", ["LICENSE"]],
    ["noVNC", "@novnc/novnc", ["LICENSE.txt", "AUTHORS", "docs/LICENSE.MPL-2.0"]],
    ["pako (in noVNC)", "@novnc/novnc/vendor/pako", ["LICENSE"]],
  ]) {
    const version = JSON.parse(await readFile(join(modules, where.split("/vendor/")[0], "package.json"), "utf8")).version;
    parts.push(`${"=".repeat(78)}\n${name}, from the npm package ${where.split("/vendor/")[0]} ${version}\n${"=".repeat(78)}\n`);
    for (const file of files) parts.push((await readFile(join(modules, where, file), "utf8")).trimEnd() + "\n");
  }
  const des = await readFile(join(modules, "@novnc/novnc/core/crypto/des.js"), "utf8");
  parts.push(`${"=".repeat(78)}\nnoVNC's core/crypto/des.js\n${"=".repeat(78)}\n`, des.slice(0, des.indexOf("*/")).replace(/^\/?[ *]*\*? ?/gm, "").trim() + "\n");
  const head =
    "The web console in this directory is part of xapid (Apache-2.0). app.js contains preact, and screen.js is\n" +
    "noVNC, unchanged but for minification; their sources are in the npm packages named below, under these licences.\n";
  return [head, ...parts].join("\n");
}
