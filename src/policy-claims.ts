/**
 * `policy.claims`: which tasks may use which service names, route hosts and paths, and target groups. Applied where
 * instances are made, before any registry sees them, so that none can forget it (docs/decisions/012). Pure.
 *
 * A rule goes by what labels can't change: the image, the source, and what the orchestrator itself calls the app. A compose
 * project is not among these: only labels tell it, which an image can bring along.
 */
import type { DefinedFact, Instance, Route } from "./model.ts";
import { type Claim, hostClaim, isAllowed, nameClaim, pathClaim } from "./policy-patterns.ts";

type Patterns = readonly string[] | undefined;

/** All lists: patterns with `*` and a leading `!`; absent: any; empty: none. */
export interface ClaimRule {
  /** Whom it is for: all that is given must fit; absent: everybody. */
  readonly who?: { readonly app?: Patterns; readonly image?: Patterns; readonly source?: Patterns } | undefined;
  readonly services?: Patterns;
  readonly hosts?: Patterns;
  readonly paths?: Patterns;
  readonly targetGroups?: Patterns;
}

export interface Permissions {
  /** The instance without what it may not use: `refused` and `notes` say what that is. */
  permitted(instance: Instance, definition: DefinedFact | null): Instance;
  /** Whether what is so defined may use this service name. */
  mayUse(definition: DefinedFact, service: string): boolean;
}

type Kind = "services" | "hosts" | "paths" | "targetGroups";

/** The rule that is for a task. */
interface Applying {
  readonly rule: ClaimRule;
  /** As the configuration's errors call it. */
  readonly name: string;
}

/** A word of `Instance.missing`: it may not use the service name that it has. */
export const PERMISSION = "permission";
const MAX_SHOWN = 160;

/** The first rule that is for a task counts; what no rule is for may use nothing. Without any rule all is allowed. */
export function createPermissions(rules: readonly ClaimRule[]): Permissions {
  if (rules.length === 0) return { permitted: (instance) => instance, mayUse: () => true };
  /** Definitions are replaced, never changed. */
  const known = new WeakMap<DefinedFact, Applying | "none">();

  return {
    permitted(instance, definition) {
      // Without its definition, or its service's, it is not ready, nor has it a name yet.
      if (definition === null || instance.missing.includes("definition")) return instance;
      const found = ruleFor(definition);
      return found === "none" ? withheld(instance, [strange(definition)]) : permittedBy(found, instance);
    },
    mayUse(definition, service) {
      const found = ruleFor(definition);
      return found !== "none" && mayClaim(found.rule.services, nameClaim(service));
    },
  };

  function ruleFor(definition: DefinedFact): Applying | "none" {
    const held = known.get(definition) ?? findRule(definition);
    known.set(definition, held);
    return held;
  }

  function findRule(definition: DefinedFact): Applying | "none" {
    const index = rules.findIndex(({ who }) => isFor(who ?? {}, definition));
    const rule = rules[index];
    return rule === undefined ? "none" : { rule, name: `policy.claims.${index}` };
  }
}

function isFor({ app, image, source }: NonNullable<ClaimRule["who"]>, definition: DefinedFact): boolean {
  const fits = (patterns: Patterns, identity: readonly string[]) =>
    patterns === undefined || (identity.length > 0 && isAllowed(nameClaim(...identity), patterns));
  return fits(app, appOf(definition)) && fits(image, imageOf(definition)) && fits(source, [definition.source]);
}

/** `swarm:SERVICE-NAME`, `marathon:/APP/ID`, `static:NAME`; empty where only labels or the image tell it. */
function appOf({ app, name }: DefinedFact): readonly string[] {
  if (app.startsWith("compose:") || app.startsWith("image:")) return [];
  // Only the engine can give a swarm's task its name (facts/docker-swarm.md), and a service has but one.
  if (app.startsWith("swarm:")) return [`swarm:${name}`];
  return [app.replace(/^marathon:.*?:(?=\/)/, "marathon:")];
}

/** With its digest, and without. */
function imageOf({ image }: DefinedFact): readonly string[] {
  return image === null ? [] : [...new Set([image.replace(/@.*$/, ""), image])];
}

function permittedBy({ rule, name }: Applying, instance: Instance): Instance {
  const refused: string[] = [];
  const may = (kind: Kind, claim: Claim, what: string) => {
    const patterns = rule[kind];
    if (mayClaim(patterns, claim)) return true;
    const own = `${kind}: ${shown((patterns ?? []).join(", ") || "none")}`;
    refused.push(`${what}: not allowed by ${name} (${own}); change ${REMEDIES[kind]}, or have that rule changed`);
    return false;
  };
  const mayBeNamed = may("services", nameClaim(instance.service), `service name ${instance.service}`);
  const routes = instance.routes.flatMap((route) => permittedRoute(route, may));
  const albTargetGroups = instance.albTargetGroups.filter((group) =>
    may("targetGroups", groupClaim(group), `target group ${group}`),
  );
  if (!mayBeNamed) return withheld(instance, refused);
  return refused.length === 0 ? instance : noted({ ...instance, routes, albTargetGroups }, refused);
}

const REMEDIES: Readonly<Record<Kind, string>> = {
  services: "its name or muster.name",
  hosts: "muster.route.host",
  paths: "muster.route.path",
  targetGroups: "muster.alb.target-group",
};

type May = (kind: Kind, claim: Claim, what: string) => boolean;

/** Without the hosts and paths that it may not have; gone if that would leave it none of them, and so all of them. */
function permittedRoute(route: Route, may: May): readonly Route[] {
  const hosts = permittedParts(route.hosts, (host) =>
    may("hosts", hostClaim(host), host === null ? "a route for every host" : `route host ${host}`),
  );
  const paths = permittedParts(route.paths, (path) =>
    may("paths", pathClaim(path), path === null ? "a route for every path" : `route path ${path}`),
  );
  return hosts === null || paths === null ? [] : [{ ...route, hosts, paths }];
}

/** @param isPermitted of null: of all that there can be, which an empty list means */
function permittedParts(
  parts: readonly string[],
  isPermitted: (part: string | null) => boolean,
): readonly string[] | null {
  if (parts.length === 0) return isPermitted(null) ? parts : null;
  const permitted = parts.filter(isPermitted);
  return permitted.length === 0 ? null : permitted;
}

/** A target group is known by its name, whether it is called by that or by its ARN. */
function groupClaim(group: string): Claim {
  const [, name] = /:targetgroup\/([^/]+)\//.exec(group) ?? [];
  return nameClaim(group, ...(name === undefined ? [] : [name]));
}

function mayClaim(patterns: Patterns, claim: Claim): boolean {
  return patterns === undefined || isAllowed(claim, patterns);
}

/** It is registered nowhere, also if it was until now; whatever it had goes. */
function withheld({ awaitsRegistry: _, ...instance }: Instance, refused: readonly string[]): Instance {
  const missing = [...instance.missing, PERMISSION];
  return noted({ ...instance, state: "pending", missing, routes: [], albTargetGroups: [] }, refused);
}

function noted(instance: Instance, refused: readonly string[]): Instance {
  return { ...instance, refused, notes: [...refused, ...instance.notes] };
}

function strange(definition: DefinedFact): string {
  const { source } = definition;
  const [app = "unknown", image = "unknown"] = [appOf(definition)[0], definition.image ?? undefined];
  return `no rule of policy.claims is for it (source ${source}, app ${shown(app)}, image ${shown(image)}); have one added`;
}

function shown(text: string): string {
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}…`;
}
