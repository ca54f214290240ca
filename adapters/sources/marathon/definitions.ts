/** The definitions that are known, by app and version. A definition never changes once it is known. */
import type { AppReport, Definition } from "./shapes.ts";

export interface Definitions {
  /** Takes over an app's current definition. */
  current(report: AppReport): void;
  /** Takes over one version; what is known of it already stays. */
  version(definitions: readonly Definition[]): void;
  /** @param container of a pod; null for apps */
  find(app: string, version: string, container: string | null): Definition | null;
  /** Whether all of that version is known: then a container that it lacks does not exist. */
  knows(app: string, version: string): boolean;
  /** Forgets the oldest above the limit that are not in use. */
  prune(isUsed: (definition: Definition) => boolean): void;
  size(): number;
}

interface App {
  current: readonly Definition[];
  configSince: string;
}

export function createDefinitions(limit: number): Definitions {
  const apps = new Map<string, App>();
  const versions = new Map<string, readonly Definition[]>();

  return { current, version, find, knows, prune, size: () => versions.size };

  function current({ app, definitions, configSince }: AppReport): void {
    const [first] = definitions;
    if (first === undefined) return;
    version(definitions);
    const known = apps.get(app)?.current[0]?.version ?? "";
    if (first.version >= known) apps.set(app, { current: definitions, configSince: configSince ?? first.version });
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
      if (definitions.some(isUsed)) continue;
      versions.delete(key);
      const [first] = definitions;
      if (first !== undefined && apps.get(first.app)?.current === definitions) apps.delete(first.app);
    }
  }
}

function keyOf(app: string, version: string): string {
  return `${app}@${version}`;
}
