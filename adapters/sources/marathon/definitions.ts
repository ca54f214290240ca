/**
 * The definitions that are known, by app and version, and which of them are the current ones of apps and pods that exist. A
 * definition never changes once it is known.
 */
import type { AppReport, Definition } from "./shapes.ts";
import type { Missed } from "./task.ts";

export interface Definitions {
  /** Takes over an app's current definition: it exists. */
  current(report: AppReport): void;
  /** An app or pod that exists; null: as far as is known there is none of this id. */
  app(app: string): App | null;
  /** Ids of all apps and pods that exist. */
  apps(): Iterable<string>;
  isCurrent(definition: Definition): boolean;
  /** It exists no more. Its definitions stay for as long as tasks of it do. */
  forget(app: string): void;
  /** Takes over one version; what is known of it already stays. */
  version(definitions: readonly Definition[]): void;
  /** @param container of a pod; null for apps */
  find(app: string, version: string, container: string | null): Definition | null;
  /** Whether all of that version is known: then a container that it lacks does not exist. */
  knows(app: string, version: string): boolean;
  /** Forgets the oldest above the limit that are neither current nor in use. */
  prune(isUsed: (definition: Definition) => boolean): void;
  size(): number;
}

/** An app or pod that exists, with or without tasks. */
export interface App {
  /** Of a pod one per container; never empty. */
  readonly current: readonly Definition[];
  /** The oldest version with this same configuration. */
  readonly configSince: string;
  readonly isPod: boolean;
  /** Count of the last event that told of its deletion; null: none did since it was last seen. */
  deleted: number | null;
  /** null: the last answer that tells has it. */
  missed: Missed | null;
}

export function createDefinitions(limit: number): Definitions {
  const apps = new Map<string, App>();
  const versions = new Map<string, readonly Definition[]>();

  return {
    ...{ current, version, find, knows, prune, isCurrent },
    app: (app) => apps.get(app) ?? null,
    apps: () => apps.keys(),
    forget: (app) => void apps.delete(app),
    size: () => versions.size,
  };

  function current({ app, definitions, configSince }: AppReport): void {
    const [first] = definitions;
    if (first === undefined) return;
    version(definitions);
    const held = apps.get(app);
    if (first.version < (held?.current[0]?.version ?? "")) return;
    const signs = { deleted: held?.deleted ?? null, missed: held?.missed ?? null };
    const isPod = first.container !== null;
    apps.set(app, { current: definitions, configSince: configSince ?? first.version, isPod, ...signs });
  }

  function isCurrent({ app, version: of }: Definition): boolean {
    return apps.get(app)?.current[0]?.version === of;
  }

  function version(definitions: readonly Definition[]): void {
    const [first] = definitions;
    if (first === undefined) return;
    const key = keyOf(first.app, first.version);
    if (!versions.has(key)) versions.set(key, definitions);
  }

  function find(app: string, of: string, container: string | null): Definition | null {
    return all(app, of)?.find((definition) => definition.container === container) ?? null;
  }

  function knows(app: string, of: string): boolean {
    return all(app, of) !== null;
  }

  /** A version between the last change of the configuration and now only scaled the app: it is the same but for its name. */
  function all(app: string, of: string): readonly Definition[] | null {
    const known = versions.get(keyOf(app, of));
    if (known !== undefined) return known;
    const now = apps.get(app);
    if (now === undefined || of < now.configSince || of > (now.current[0]?.version ?? "")) return null;
    const same = now.current.map((definition) => ({ ...definition, version: of }));
    versions.set(keyOf(app, of), same);
    return same;
  }

  function prune(isUsed: (definition: Definition) => boolean): void {
    for (const [key, definitions] of versions) {
      if (versions.size <= limit) return;
      if (!definitions.some((definition) => isCurrent(definition) || isUsed(definition))) versions.delete(key);
    }
  }
}

function keyOf(app: string, version: string): string {
  return `${app}@${version}`;
}
