/** The schema of everything in the configuration that is not an adapter's own. */
import { isIP } from "node:net";
import * as v from "valibot";
import { duration, identifier, path } from "../schema.ts";
import {
  allReachable,
  appPatterns,
  hostPatterns,
  imagePatterns,
  pathPatterns,
  servicePatterns,
  sourcePatterns,
  targetGroupPatterns,
} from "./claims.ts";

const SIZE_UNITS: Readonly<Record<string, number>> = { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };
const SIZE = "expected a number of bytes of at least 4096, or a size such as 64MiB (units: KiB, MiB, GiB)";

/** A size in the configuration; gives bytes. */
const size = v.pipe(
  v.union([v.number(), v.string()], SIZE),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const bytes = typeof dataset.value === "number" ? dataset.value : parseSize(dataset.value);
    if (Number.isSafeInteger(bytes) && bytes >= 4096) return bytes;
    addIssue({ message: SIZE });
    return NEVER;
  }),
);

function parseSize(text: string): number {
  const match = /^(\d{1,6})(KiB|MiB|GiB)$/.exec(text.trim());
  return match === null ? Number.NaN : Number(match[1]) * (SIZE_UNITS[match[2] ?? ""] ?? Number.NaN);
}

const LISTEN = "expected HOST:PORT such as 127.0.0.1:8590 or [::1]:8590";

export interface ListenAddress {
  /** Without the brackets of IPv6. */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

const listen = v.pipe(
  v.string(LISTEN),
  v.rawTransform(({ dataset, addIssue, NEVER }): ListenAddress => {
    const match = /^(?:\[([0-9a-fA-F:.]{2,45})\]|([A-Za-z0-9.-]{1,253})):(\d{1,5})$/.exec(dataset.value.trim());
    const host = match?.[1] ?? match?.[2] ?? "";
    const port = Number(match?.[3]);
    if (host !== "" && port <= 65_535 && (match?.[1] === undefined || isIP(host) === 6)) return { host, port };
    addIssue({ message: LISTEN });
    return NEVER;
  }),
);

const ipAddress = v.pipe(
  v.string("expected an IPv4 or IPv6 address"),
  v.check((text) => isIP(text) !== 0, "expected an IPv4 or IPv6 address"),
);

function count(least: number, most: number) {
  const message = `expected a whole number from ${least} to ${most}`;
  return v.pipe(v.number(message), v.integer(message), v.minValue(least, message), v.maxValue(most, message));
}

function choice<const T extends readonly string[]>(options: T) {
  return v.picklist(options, `expected ${options.slice(0, -1).join(", ")} or ${options.at(-1)}`);
}

const flag = v.boolean("expected true or false");

function section<const T extends v.ObjectEntries>(entries: T) {
  return v.optional(v.strictObject(entries, "expected a section with keys"), {} as never);
}

export const CoreSchema = v.strictObject({
  /** Whose entries are ours: two clusters on one registry never touch each other's. */
  cluster: v.optional(identifier, "default"),
  node: section({
    /** Who this node is, in the cluster and to all registries. @default the swarm node's id, else the engine's, else the host name */
    id: v.nullish(identifier, null),
    /** Under which other nodes reach this one's published ports. @default the swarm node's, else that of the default route */
    address: v.nullish(ipAddress, null),
  }),
  policy: section({
    /** `upsert-only` removes nothing. */
    mode: v.optional(choice(["sync", "upsert-only"]), "sync"),
    /** Between two full listings of sources and registries; at most 20 % off. */
    resync: v.optional(duration, "60s"),
    /** For how long a listing that may not be whole (Marathon after a start or a new leader) removes nothing. */
    probation: v.optional(duration, "60s"),
    massDelete: section({
      /** Removals concluded from absence are refused if they are more than this and more than `percent`; a second look confirms them. */
      max: v.optional(count(0, 1_000_000), 10),
      /** See `max`: of all entries in that registry. */
      percent: v.optional(count(0, 100), 50),
    }),
    /** What becomes of this node's entries when Muster stops: an upgrade of Muster should not drop traffic. */
    onExit: v.optional(choice(["keep", "deregister"]), "keep"),
    /** After a node has been down or gone for so long the leader removes its entries. */
    reapAfter: v.optional(duration, "5m"),
    /** Only says in the log what it would write. */
    dryRun: v.optional(flag, false),
    /** Who may use which names: the first rule whose `who` fits counts, and what no rule is for is not registered. */
    claims: v.optional(
      v.pipe(
        v.array(
          v.strictObject(
            {
              who: v.optional(
                v.strictObject(
                  {
                    /** What the orchestrator calls it: `swarm:SERVICE`, `marathon:/APP/ID`, `static:NAME`. @default any */
                    app: appPatterns,
                    /** The image that it was started from, with its tag. @default any */
                    image: imagePatterns,
                    /** The source that tells it. @default any */
                    source: sourcePatterns,
                  },
                  "expected a section with app, image or source",
                ),
              ),
              /** Service names that it may use. @default any */
              services: servicePatterns,
              /** Hosts that its routes may have; a route without one is for every host, which only `*` allows. @default any */
              hosts: hostPatterns,
              /** Paths that its routes may have, each with all below it. @default any */
              paths: pathPatterns,
              /** ALB target groups that its labels may name. @default any */
              targetGroups: targetGroupPatterns,
            },
            "expected a rule: who, services, hosts, paths, targetGroups",
          ),
          "expected a list of rules",
        ),
        allReachable(),
      ),
      [],
    ),
  }),
  audit: section({
    /** The log; its older parts are beside it. */
    path: v.optional(path, "muster-audit.jsonl"),
    /** Beyond this size a new file is begun. */
    maxBytes: v.optional(size, "64MiB"),
    /** How many older files are kept. */
    keep: v.optional(count(0, 1000), 10),
  }),
  http: section({
    /** Where the API and the status page are. */
    listen: v.optional(listen, "127.0.0.1:8590"),
    /** The bearer token that clients must send; needed where others than this machine can reach it. Read again when it changes. */
    tokenFile: v.nullish(path, null),
  }),
  log: section({
    /** JSON lines on standard error. */
    level: v.optional(choice(["trace", "debug", "info", "warn", "error", "silent"]), "info"),
  }),
});

/** Whether only this machine can reach it. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}
