/** The registries of `leaving.ts`: fakes that answer at once, in this process, with what tells whether a port is in them. */
import { startFakeElb } from "../fakes/alb/server.ts";
import { startFakeKong } from "../fakes/kong/kong.ts";
import { targetsServed } from "../fakes/kong/serving.ts";
import { startFakeVulcand } from "../fakes/vulcand/server.ts";
import type { Call } from "./bare-call.ts";

export const ADDRESS = "10.0.0.1";
export const SERVICE = "web";
const MACHINE = "i-00000001";
const GROUP = "web";

export interface LeavingRegistry extends AsyncDisposable {
  readonly name: string;
  /** Under `registries`. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Whether it sends traffic to this port of ours. */
  has(port: number): boolean;
  /** The one call after which it does not. */
  removal(port: number): Omit<Call, "id">;
  /** Requests so far. */
  hits(): number;
}

export async function startKong(): Promise<LeavingRegistry> {
  const kong = await startFakeKong();
  return {
    name: "kong",
    options: { url: kong.url },
    has: (port) => targetsServed(kong.world, SERVICE).includes(`${ADDRESS}:${port}`),
    removal: (port) => ({ method: "DELETE", url: `${kong.url}/upstreams/${SERVICE}/targets/${ADDRESS}:${port}` }),
    hits: () => kong.hits.length,
    [Symbol.asyncDispose]: () => kong[Symbol.asyncDispose](),
  };
}

export async function startVulcand(): Promise<LeavingRegistry> {
  const vulcand = await startFakeVulcand("0.9.2-etcd3");
  let seen = { revision: -1, servers: new Map<string, string>() };

  /** `address:port` → path of its server. */
  function servers(): ReadonlyMap<string, string> {
    const { revision } = vulcand.store;
    if (seen.revision !== revision)
      seen = { revision, servers: new Map(Object.entries(vulcand.store.dump()).flatMap(serverOf)) };
    return seen.servers;
  }

  return {
    name: "vulcand",
    options: { url: vulcand.url },
    has: (port) => servers().has(`${ADDRESS}:${port}`),
    removal: (port) => ({ method: "DELETE", url: `${vulcand.url}/v2/${servers().get(`${ADDRESS}:${port}`) ?? ""}` }),
    hits: () => vulcand.calls.length,
    [Symbol.asyncDispose]: () => vulcand[Symbol.asyncDispose](),
  };
}

/** One entry of etcd's. */
function serverOf([key, value]: readonly [string, string]): readonly (readonly [string, string])[] {
  const [, backend, server] = /backends\/([^/]+)\/servers\/([^/]+)$/.exec(key) ?? [];
  const [, endpoint] = /"http:\/\/([^"/]+)"/.exec(value) ?? [];
  if (backend === undefined || server === undefined || endpoint === undefined) return [];
  return [[endpoint, `backends/${encodeURIComponent(backend)}/servers/${encodeURIComponent(server)}`]];
}

/** Sets the credentials that Muster is to use in this process's environment, which its own has as well. */
export async function startAlb(): Promise<LeavingRegistry> {
  const elb = await startFakeElb();
  elb.world.machines.set(MACHINE, { vpc: "vpc-1", state: "running" });
  const group = elb.world.addGroup({ name: GROUP });
  const [AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY] = ["AKIAEXAMPLEKEYID0000", "an-example"];
  Object.assign(process.env, { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_EC2_METADATA_DISABLED: "true" });
  return {
    name: "alb",
    options: { region: elb.region, endpoint: elb.url, instanceId: MACHINE, targetGroups: { [SERVICE]: GROUP } },
    has: (port) => elb.world.seen(group).some((target) => target.port === port && target.state !== "draining"),
    removal: (port) => ({
      ...{ method: "POST", url: elb.url },
      body: new URLSearchParams({
        ...{ Action: "DeregisterTargets", Version: "2015-12-01", TargetGroupArn: group.arn },
        ...{ "Targets.member.1.Id": MACHINE, "Targets.member.1.Port": String(port) },
      }).toString(),
      headers: {
        "content-type": "application/x-www-form-urlencoded",
        "x-amz-date": "20260101T000000Z",
        // The fake asks for a signature, and verifies none: what a real one costs is Muster's alone here.
        authorization: `AWS4-HMAC-SHA256 Credential=${AWS_ACCESS_KEY_ID}/20260101/${elb.region}/elasticloadbalancing/aws4_request, SignedHeaders=host, Signature=00`,
      },
    }),
    hits: () => elb.calls.length,
    [Symbol.asyncDispose]: () => elb[Symbol.asyncDispose](),
  };
}
