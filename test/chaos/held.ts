/** What the registries hold, read from themselves and in one form for all, and what in it is not Muster's. */
import * as v from "valibot";
import { type Row, targetsOf } from "../fakes/kong/store.ts";
import type { RegistryName } from "./fault.ts";
import { machineOf, type Stage } from "./stage.ts";
import { isStranger } from "./strangers.ts";

const AgentServices = v.record(
  v.string(),
  v.object({
    ID: v.string(),
    Service: v.string(),
    Address: v.string(),
    Port: v.number(),
    Tags: v.nullish(v.array(v.string()), []),
    Meta: v.nullish(v.record(v.string(), v.string()), {}),
  }),
);
const VulcandObject = v.looseObject({ URL: v.optional(v.string()), Route: v.optional(v.string()) });

/** Everything in a registry but for the strangers' entries, as lines; the same line twice is two entries. */
export async function heldIn(registry: RegistryName, stage: Stage): Promise<readonly string[]> {
  const lines = { consul: inConsul, kong: inKong, vulcand: inVulcand, alb: inAlb }[registry](stage);
  return await lines;
}

async function inConsul({ consul }: Stage): Promise<readonly string[]> {
  const services = v.parse(AgentServices, await consul.request({ path: "/v1/agent/services" }));
  return Object.values(services)
    .filter(({ ID }) => !isStranger("consul", ID))
    .map(({ Service, Address, Port, Tags, Meta }) => {
      const { muster_task: task = "", build = "" } = Meta;
      return `service ${Service} ${Address}:${Port} of ${task} tags ${Tags.join()} build ${build}`;
    });
}

function inKong({ kong }: Stage): readonly string[] {
  const { store } = kong.world;
  const own = (rows: ReadonlyMap<string, Row>) => [...rows.values()].filter(({ id }) => !isStranger("kong", id));
  return [
    ...own(store.upstreams).flatMap((upstream) => [
      `upstream ${upstream["name"]}`,
      ...targetsOf(store, upstream.id)
        .filter(({ id }) => !isStranger("kong", id))
        .map((row) => `target ${upstream["name"]} ${row["target"]} of ${taskIn(row)} weight ${row["weight"]}`),
    ]),
    ...own(store.services).map((row) => `service ${row["name"]} to ${row["host"]}`),
    ...own(store.routes).map((row) => `route ${row["name"]} for ${String(row["hosts"])}`),
  ];
}

function taskIn({ tags }: Row): string {
  const tag = Array.isArray(tags) ? tags.find((each) => String(each).startsWith("muster-task.")) : undefined;
  return String(tag ?? "").slice("muster-task.".length);
}

function inVulcand({ vulcand }: Stage): readonly string[] {
  return Object.entries(vulcand.store.dump()).flatMap(([key, value]) => {
    if (isStranger("vulcand", key)) return [];
    const [kind, id = "", part, member = ""] = key.split("/");
    const [, , service = ""] = id.split(":");
    const { URL: url, Route: route } = v.parse(VulcandObject, JSON.parse(value));
    if (kind === "hosts") return [`host ${id}`];
    if (kind === "frontends") return [`frontend ${service} for ${route}`];
    if (part === "backend") return [`backend ${service}`];
    const [, , , , task = ""] = member.split(":");
    return [`server ${service} ${(url ?? "").replace("http://", "")} of ${task}`];
  });
}

/** A target is on an EC2 instance: one of the nodes. */
function inAlb({ elb, places }: Stage): readonly string[] {
  const addresses = new Map(places.map(({ number, node }) => [machineOf(number), node.address]));
  return [...elb.world.groups.values()].flatMap((group) =>
    elb.world
      .seen(group)
      .filter(({ state, id }) => state !== "draining" && !isStranger("alb", `${group.name}/${id}`))
      .map(({ id, port }) => `target ${group.name} ${addresses.get(id) ?? id}:${port}`),
  );
}
