import { isIP } from "node:net";
import * as v from "valibot";
import { duration, httpUrl } from "../../../src/schema.ts";
import { readGroupRef } from "./group-ref.ts";

const GROUP = "expected a target group's name or ARN";
const NETWORK = "expected an IP address or a network such as 10.0.0.0/16";
const MUSTERS = "expected how many Musters there are, a whole number from 1 to 10000";

const LISTENERS = "expected a list of listeners' ARNs";
const VPC = "expected a VPC's id such as vpc-0123456789abcdef0";
const PATH = "expected a path that starts with '/'";
const FROM = "expected a rule priority from 1 to 11300";

const listener = v.pipe(
  v.string(LISTENERS),
  v.regex(
    /^arn:aws[a-z-]*:elasticloadbalancing:[a-z0-9-]+:\d{12}:listener\/app\/[^/]+\/[0-9a-f]+\/[0-9a-f]+$/,
    LISTENERS,
  ),
);

const group = v.pipe(
  v.string(GROUP),
  v.check((text) => readGroupRef(text) !== null, GROUP),
);

const network = v.pipe(v.string(NETWORK), v.check(isNetwork, NETWORK));

function isNetwork(text: string): boolean {
  const [address = "", prefix, ...rest] = text.split("/");
  const family = isIP(address);
  if (family === 0 || rest.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= (family === 6 ? 128 : 32));
}

/** `registries.alb` in the configuration. Light on purpose: read at every start, also where ALB is off. */
export const AlbOptions = v.strictObject({
  /** Where the target groups are. @default that of the ARNs, AWS_REGION, AWS_DEFAULT_REGION, else the instance's own */
  region: v.optional(v.pipe(v.string(), v.regex(/^[a-z]{2}(?:-[a-z]+)+-\d+$/, "expected a region such as eu-west-1"))),
  /** Of the ELBv2 API, where it is not AWS's public one (a VPC endpoint, a test server). */
  endpoint: v.optional(httpUrl),
  /** This machine's EC2 instance id. @default asked of the instance metadata service (IMDSv2) when it is needed */
  instanceId: v.optional(
    v.pipe(v.string(), v.regex(/^i-[0-9a-f]{8,17}$/, "expected an EC2 instance id such as i-0123456789abcdef0")),
  ),
  /** Target groups by service name; the label muster.alb.target-group beats it. */
  targetGroups: v.optional(v.record(v.pipe(v.string(), v.nonEmpty("expected a service name")), group), {}),
  /** Looks for the groups tagged `muster:cluster` with this cluster's name: one DescribeTags per 20 groups of the region. */
  discover: v.optional(v.boolean("expected true or false"), true),
  /** `ip` targets in these networks are this Muster's as well: task addresses, Marathon's agents. */
  hosts: v.optional(v.array(network, "expected a list of networks"), []),
  /** Listener rules for instances with routes, in these listeners and no others. Absent: none. */
  rules: v.optional(
    v.strictObject({
      /** In which Muster makes rules, and in no others. */
      listeners: v.pipe(v.array(listener, LISTENERS), v.minLength(1, LISTENERS)),
      /** The first priority for rules without one of their own; they take up to 38,700 from there on. */
      from: v.optional(v.pipe(v.number(FROM), v.integer(FROM), v.minValue(1, FROM), v.maxValue(11_300, FROM)), 1000),
      /** Makes a target group for each service that has routes and no group. Absent: none. */
      groups: v.optional(
        v.strictObject({
          /** Of the groups, and so of the load balancer. */
          vpc: v.pipe(v.string(VPC), v.regex(/^vpc-[0-9a-f]{8,17}$/, VPC)),
          /** What their targets are: this machine, or addresses (Marathon). */
          type: v.optional(v.picklist(["instance", "ip"], "expected instance or ip"), "instance"),
          /** The load balancer's health check, for services without a `muster.check.http`. */
          healthPath: v.optional(v.pipe(v.string(PATH), v.regex(/^\/[!-~]{0,1023}$/, PATH)), "/"),
          /** Deregistration delay, for services without a `muster.drain`; at most an hour. */
          drain: v.optional(duration, "30s"),
        }),
      ),
    }),
  ),
  /** How many Musters share the account's limits on calls. */
  musters: v.optional(
    v.pipe(v.number(MUSTERS), v.integer(MUSTERS), v.minValue(1, MUSTERS), v.maxValue(10_000, MUSTERS)),
    1,
  ),
  /** Between two looks at targets that are not healthy yet, or drain. 0s: only full listings look. */
  healthPoll: v.optional(duration, "10s"),
  /** For one call. */
  timeout: v.optional(duration, "5s"),
});
export type AlbOptions = v.InferOutput<typeof AlbOptions>;
