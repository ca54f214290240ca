/** A line of a recording → a fact. */
import * as v from "valibot";
import type {
  AddressedFact,
  Allocation,
  AssignedFact,
  DefinedFact,
  Fact,
  FactBase,
  GoneFact,
  HealthFact,
  IngressPort,
  NetworkAttachment,
  NodeFact,
  NoticeFact,
  PortBinding,
  PortDeclaration,
  ResyncFact,
  SourceStateFact,
  StatusFact,
  SyncedFact,
} from "../../../src/model.ts";
import { misfitOf } from "../../../src/schema.ts";

/** The schemas of all of T's fields, optional ones as well: one that were left out here would be dropped from recordings. */
type FieldsOf<T> = { readonly [K in keyof T]-?: v.GenericSchema<unknown, T[K]> };

/** All texts of a union; the compiler sees to it that none is missing. */
function oneOf<T extends string>(all: Readonly<Record<T, true>>) {
  return v.picklist(Object.keys(all) as T[]);
}

const text = v.nullable(v.string());
/** As it is: valibot's own records drop keys such as `constructor`, which a label may be called. */
const strings = v.custom<Readonly<Record<string, string>>>(isTexts, "expected an object of texts");
const number = v.pipe(v.number(), v.finite());
const port = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65_535));
const protocol = oneOf<PortBinding["protocol"]>({ tcp: true, udp: true, sctp: true });
const task = v.pipe(v.string(), v.nonEmpty());

function isTexts(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.values(value).every((text) => typeof text === "string");
}

const base = { source: v.string(), clock: number, at: number, via: v.string() } satisfies FieldsOf<FactBase>;

const binding = {
  ...{ containerPort: v.nullable(port), protocol, hostAddress: v.string(), hostPort: port },
  ...{ servicePort: v.nullable(port), portName: text },
} satisfies FieldsOf<PortBinding>;

const network = {
  ...{ name: v.string(), address: v.string() },
  reach: oneOf<NetworkAttachment["reach"]>({ node: true, overlay: true, routable: true }),
} satisfies FieldsOf<NetworkAttachment>;

const declaration = {
  ...{ name: text, protocols: v.array(protocol), containerPort: v.nullable(port), servicePort: v.nullable(port) },
  ...{ hasHostPort: v.boolean(), labels: strings },
} satisfies FieldsOf<PortDeclaration>;

const ingressPort = { containerPort: port, hostPort: port, protocol } satisfies FieldsOf<IngressPort>;

const allocation = {
  ...{ host: text, ports: v.array(v.object({ name: text, port })), addresses: v.array(v.string()) },
} satisfies FieldsOf<Allocation>;

const defined = {
  ...{ ...base, kind: v.literal("defined"), definition: v.string(), standing: v.exactOptional(v.boolean()) },
  ...{ app: v.string(), version: text, name: v.string(), image: text, labels: strings, environment: strings },
  ...{ expose: oneOf<DefinedFact["expose"]>({ published: true, labelled: true }), healthChecked: v.boolean() },
  ports: v.exactOptional(v.array(v.object(declaration))),
  ingress: v.exactOptional(v.array(v.object(ingressPort))),
} satisfies FieldsOf<DefinedFact>;

const assigned = {
  ...{ ...base, kind: v.literal("assigned"), task, definition: v.string(), inherits: text, node: v.string() },
  created: v.exactOptional(number),
} satisfies FieldsOf<AssignedFact>;

const addressed = {
  ...{ ...base, kind: v.literal("addressed"), task },
  mode: oneOf<AddressedFact["mode"]>({ mapped: true, host: true, none: true, shared: true }),
  ...{ bindings: v.array(v.object(binding)), networks: v.array(v.object(network)) },
  exposed: v.array(v.object({ port, protocol })),
  allocated: v.exactOptional(v.object(allocation)),
  ingress: v.exactOptional(v.array(v.object(ingressPort))),
} satisfies FieldsOf<AddressedFact>;

const status = {
  ...{ ...base, kind: v.literal("status"), task, reason: text },
  status: oneOf<StatusFact["status"]>({
    ...{ staging: true, running: true, paused: true, stopping: true, stopped: true, unreachable: true },
  }),
} satisfies FieldsOf<StatusFact>;

const health = {
  ...{ ...base, kind: v.literal("health"), task },
  health: oneOf<HealthFact["health"]>({ passing: true, failing: true, unknown: true, none: true }),
} satisfies FieldsOf<HealthFact>;

const gone = { ...base, kind: v.literal("gone"), task, reason: text } satisfies FieldsOf<GoneFact>;

const node = {
  ...{ ...base, kind: v.literal("node"), node: v.string(), address: text },
  state: oneOf<NodeFact["state"]>({ up: true, down: true, unknown: true }),
} satisfies FieldsOf<NodeFact>;

const resync = { ...base, kind: v.literal("resync") } satisfies FieldsOf<ResyncFact>;

const synced = {
  ...{ ...base, kind: v.literal("synced"), floor: number },
  trust: oneOf<SyncedFact["trust"]>({ node: true, whole: true, doubtful: true }),
} satisfies FieldsOf<SyncedFact>;

const source = {
  ...{ ...base, kind: v.literal("source"), error: text },
  state: oneOf<SourceStateFact["state"]>({ connected: true, disconnected: true }),
} satisfies FieldsOf<SourceStateFact>;

const notice = {
  ...{ ...base, kind: v.literal("notice"), task: text, message: v.string() },
} satisfies FieldsOf<NoticeFact>;

const RecordedFact = v.variant("kind", [
  v.object(defined),
  v.object(assigned),
  v.object(addressed),
  v.object(status),
  v.object(health),
  v.object(gone),
  v.object(node),
  v.object(resync),
  v.object(synced),
  v.object(source),
  v.object(notice),
]);

/** @returns a string that says why the line is not a fact */
export function parseFact(line: string): Fact | string {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return "not JSON (cut, or garbled)";
  }
  const { success, output, issues } = v.safeParse(RecordedFact, json);
  return success ? output : `not a fact: ${v.getDotPath(issues[0]) ?? "shape"}: ${misfitOf(issues[0])}`;
}
