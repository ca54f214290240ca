/** DB-less: the operator's part of the configuration, in a file of Kong's declarative format. */
import { readFile } from "node:fs/promises";
import * as v from "valibot";
import { parse } from "yaml";
import { messageOf, RequestError } from "../../failure.ts";
import type { Dialect } from "./dialect.ts";
import { BASE } from "./marks.ts";

export type Entity = Readonly<Record<string, unknown>>;

export interface Base {
  /** Its entities carry a tag of ours, to be known again when they are gone from the file. */
  readonly document: Entity & { readonly services: readonly Entity[]; readonly upstreams: readonly Entity[] };
  /** Whether paths with unusual characters are regular expressions in this format, see `Dialect`. */
  readonly guessesRegex: boolean;
  /** `services/web`, `routes/`: what it has, by kind and name, which may be empty. */
  readonly names: ReadonlySet<string>;
}

const Entities = v.optional(v.array(v.record(v.string(), v.unknown())), []);
const Service = v.looseObject({ routes: Entities });
const Document = v.looseObject({
  _format_version: v.optional(v.picklist(["1.1", "2.1", "3.0"])),
  services: v.optional(v.array(Service), []),
  routes: Entities,
  upstreams: Entities,
});

/**
 * @param file null: there is none
 * Rejects with a RequestError that names the file if it can't be used.
 */
export async function readBase(file: string | null, dialect: Dialect): Promise<Base> {
  try {
    const content: unknown = file === null ? {} : (parse(await readFile(file, "utf8")) ?? {});
    return baseOf(v.parse(Document, content), dialect);
  } catch (cause) {
    throw new RequestError(`cannot use ${file}: ${messageOf(cause)}`, { retry: true, ambiguous: false, cause });
  }
}

function baseOf({ services, routes, upstreams, ...rest }: v.InferOutput<typeof Document>, dialect: Dialect): Base {
  const format = rest._format_version ?? (dialect.guessesRegex ? "2.1" : "3.0");
  const allRoutes = [...routes, ...services.flatMap((service) => service.routes)];
  const kinds = { services, routes: allRoutes, upstreams };
  const names = Object.entries(kinds).flatMap(([kind, all]: [string, readonly Entity[]]) =>
    all.map((entity) => `${kind}/${typeof entity["name"] === "string" ? entity["name"] : ""}`),
  );
  const document = {
    ...rest,
    _format_version: format,
    services: services.map((service) => tagged({ ...service, routes: service.routes.map(tagged) })),
    routes: routes.map(tagged),
    upstreams: upstreams.map(tagged),
  };
  return { document, guessesRegex: format !== "3.0", names: new Set(names) };
}

function tagged(entity: Entity): Entity {
  const { tags } = entity;
  return { ...entity, tags: [...(Array.isArray(tags) ? tags : []), BASE] };
}
