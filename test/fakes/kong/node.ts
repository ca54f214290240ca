/** What a node says of itself, and `/tags`. */
import { pageById } from "./pages.ts";
import { notFound } from "./refusal.ts";
import type { Answer, Call, World } from "./requests.ts";
import { type Row, tagsOf } from "./store.ts";

export function nodeRequest(world: World, call: Call): Answer {
  const [first, tag] = call.segments;
  if (call.method !== "GET") throw notFound();
  switch (first) {
    case undefined:
      return { status: 200, body: root(world) };
    case "status":
      return { status: 200, body: status(world) };
    case "tags":
      return { status: 200, body: withoutIds(pageById(call.path, tagged(world, tag), withoutTags(call), "2.8.5")) };
    default:
      throw notFound();
  }
}

/** Only what tells the versions and modes apart. */
function root({ version, dbless }: World): object {
  return {
    version,
    tagline: "Welcome to kong",
    hostname: "node-1",
    configuration: { database: dbless ? "off" : "postgres", role: "traditional", db_update_frequency: 5 },
  };
}

function status({ dbless, databaseIsDown, config }: World): object {
  if (dbless) return { configuration_hash: config.hash };
  return { database: { reachable: !databaseIsDown } };
}

function withoutIds(page: { readonly data: readonly unknown[] }): object {
  return { ...page, data: page.data.map((row) => ({ ...(row as Row), id: undefined })) };
}

/** `next` of this list has neither tags nor size, in any version. */
function withoutTags({ query }: Call): URLSearchParams {
  const copy = new URLSearchParams(query);
  copy.delete("tags");
  return copy;
}

function tagged({ store }: World, wanted: string | undefined): readonly Row[] {
  return Object.entries(store).flatMap(([entity, rows]: [string, ReadonlyMap<string, Row>]) =>
    [...rows.values()].flatMap((row) =>
      tagsOf(row)
        .filter((tag) => wanted === undefined || tag === wanted)
        .map((tag) => ({ id: row.id, entity_name: entity, entity_id: row.id, tag })),
    ),
  );
}
