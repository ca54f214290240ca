import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** Downloads and things made from them, kept between runs. `MUSTER_LAB_CACHE`, else `.lab/cache` in the repository. */
export function cacheFolder(): string {
  return process.env["MUSTER_LAB_CACHE"] ?? join(repository(), ".lab", "cache");
}

/** Data of running servers. `MUSTER_LAB_STATE`, else `.lab/state` in the repository. Not below /run, which engines hide. */
export function stateFolder(): string {
  return process.env["MUSTER_LAB_STATE"] ?? join(repository(), ".lab", "state");
}

/** The nearest folder upwards with a package.json: also right for code compiled into `dist`. */
function repository(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) {
    if (folder === dirname(folder)) throw new Error("lab: no package.json above this file");
    folder = dirname(folder);
  }
  return folder;
}
