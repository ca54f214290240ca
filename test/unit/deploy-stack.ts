/** The stack files as `docker stack deploy` takes them, read without it: anchors and merges resolved, variables filled in. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";

/** With a slash at the end. */
export const DEPLOY = fileURLToPath(new URL("../../deploy/", import.meta.url));
/** What the stack files ask for. */
export const VARIABLES: Readonly<Record<string, string>> = {
  REGISTRY: "registry.example.com",
  NODES_CIDR: "192.168.33.0/24",
  CONSUL_JOIN: "192.168.33.10",
  AWS_REGION: "eu-west-1",
};

export interface Service {
  readonly image: string;
  readonly user?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly ports?: readonly { readonly target: number; readonly published?: number; readonly mode: string }[];
  readonly networks?: readonly string[];
  readonly volumes?: readonly string[];
  readonly configs?: readonly { readonly source: string; readonly target: string }[];
  readonly secrets?: readonly (string | { readonly source: string })[];
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly stop_grace_period?: string;
  readonly deploy: {
    readonly mode?: string;
    readonly replicas?: number;
    readonly labels?: Readonly<Record<string, string>>;
    readonly placement?: { readonly constraints?: readonly string[] };
    readonly resources?: { readonly limits?: { readonly cpus?: string; readonly memory?: string } };
    readonly update_config?: Readonly<Record<string, unknown>>;
    readonly rollback_config?: Readonly<Record<string, unknown>>;
    readonly restart_policy?: { readonly condition: string };
  };
}

export interface Stack {
  readonly name: string;
  readonly text: string;
  readonly services: Readonly<Record<string, Service>>;
  readonly configs: Readonly<Record<string, { readonly file: string; readonly name: string }>>;
  readonly secrets: Readonly<Record<string, { readonly external?: boolean }>>;
  readonly networks: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

export const stackNames: readonly string[] = readdirSync(`${DEPLOY}swarm`)
  .filter((file) => file.endsWith(".yaml") && file !== "platform.aws.yaml")
  .map((file) => file.replace(/\.yaml$/, ""));

export function readStack(name: string, variables = VARIABLES): Stack {
  const text = readFileSync(`${DEPLOY}swarm/${name}.yaml`, "utf8");
  const document = parse(interpolate(text, variables), { merge: true }) as Partial<Stack>;
  return { name, text, services: {}, configs: {}, secrets: {}, networks: {}, ...document };
}

/** `${NAME:?message}`, `${NAME:-default}` and `$$`, as far as the stack files use them. */
export function interpolate(text: string, variables = VARIABLES): string {
  return text.replaceAll(
    /\$\$|\$\{([A-Z_]+)(?::-([^}]*)|:\?[^}]*)?\}/g,
    (all: string, name?: string, fallback?: string) =>
      name === undefined ? "$" : (variables[name] ?? fallback ?? all),
  );
}

/** Every service of every stack, with a name to say which. */
export function allServices(): readonly (Service & { readonly id: string; readonly stack: string })[] {
  return stackNames.flatMap((stack) =>
    Object.entries(readStack(stack).services).map(([name, service]) => ({ ...service, stack, id: `${stack}/${name}` })),
  );
}

export function secretNames({ secrets = [] }: Service): readonly string[] {
  return secrets.map((secret) => (typeof secret === "string" ? secret : secret.source));
}
