/** The fake ELBv2 against requests that were recorded on moto (facts/alb.md §2), as far as moto does as AWS does. */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type FakeElb, startFakeElb } from "../fakes/alb/server.ts";

interface Recorded {
  readonly label: string;
  readonly body: string;
  readonly status: number;
  readonly code: string | null;
  /** Paths of all XML elements in the answer. */
  readonly elements: readonly string[];
}

const recorded: readonly Recorded[] = JSON.parse(
  readFileSync(new URL("../fixtures/alb/recorded.json", import.meta.url), "utf8"),
);

/** moto has no unhealthy or unattached targets, so never a reason; and gives a rule back as it was sent, AWS in full. */
const ONLY_AWS =
  /\/TargetHealth\/(?:Reason|Description)$|\/Conditions\/member\/Values|\/Actions\/member\/(?:Order$|ForwardConfig)/;
const SIGNED = {
  "content-type": "application/x-www-form-urlencoded",
  "x-amz-date": "20261121T120000Z",
  authorization:
    "AWS4-HMAC-SHA256 Credential=AKIA/20261121/eu-central-1/elasticloadbalancing/aws4_request, Signature=x",
};

let elb: FakeElb;
let listener: string;

beforeAll(async () => {
  elb = await startFakeElb({ region: "eu-central-1" });
  listener = elb.world.routing.addListener();
  elb.world.machines.set("i-06b36be6cf7ea3391", { vpc: "vpc-1", state: "running" });
  elb.world.machines.set("i-360e31d372b0f2fa2", { vpc: "vpc-1", state: "running" });
  elb.world.machines.set("i-10a6bc57ac5fd92f4", { vpc: "vpc-1", state: "stopped" });
});

afterAll(async () => {
  await elb[Symbol.asyncDispose]();
});

/** The recording's ARNs all end alike; here each is its own. */
function here(body: string): string {
  const form = new URLSearchParams(body);
  for (const [key, value] of form) {
    const name = /:targetgroup\/([^/]+)\/50dc6c495c0c9188$/.exec(value)?.[1];
    const group = [...elb.world.groups.values()].find((each) => each.name === name);
    if (group !== undefined) form.set(key, group.arn);
    if (/:listener\//.test(value)) form.set(key, listener);
    if (/:listener-rule\//.test(value)) form.set(key, [...elb.world.routing.rules.keys()][0] ?? "");
  }
  return form.toString();
}

async function send(body: string, headers: Record<string, string> = SIGNED) {
  const response = await fetch(elb.url, { method: "POST", headers, body });
  return { status: response.status, xml: await response.text() };
}

function elementsOf(xml: string): readonly string[] {
  const open: string[] = [];
  const paths = new Set<string>();
  for (const [, end, name = ""] of xml.matchAll(/<(\/?)([A-Za-z]+)[^>]*>/g)) {
    if (end === "/") open.pop();
    else paths.add([...open, name].join("/"));
    if (end !== "/") open.push(name);
  }
  return [...paths];
}

describe("a recorded request", () => {
  it.each(recorded)("$label", async ({ body, status, code, elements }) => {
    const answer = await send(here(body));

    expect(answer.status, answer.xml).toBe(status);
    if (code !== null) expect(answer.xml).toContain(`<Code>${code}</Code>`);
    const invented = elementsOf(answer.xml).filter((path) => !elements.includes(path) && !ONLY_AWS.test(path));
    if (code === null) expect(invented).toEqual([]);
  });
});

describe("the fake", () => {
  it("wants a signature", async () => {
    expect(await send("Action=DescribeTargetGroups", {})).toMatchObject({ status: 403 });
  });

  it.each([
    ["port 0", "Targets.member.1.Id=i-06b36be6cf7ea3391&Targets.member.1.Port=0", "ValidationError"],
    ["a port beyond 65535", "Targets.member.1.Id=i-06b36be6cf7ea3391&Targets.member.1.Port=70000", "ValidationError"],
    ["no targets", "", "ValidationError"],
    ["an address in a group of instances", "Targets.member.1.Id=10.0.0.1&Targets.member.1.Port=1", "ValidationError"],
    ["an unknown instance", "Targets.member.1.Id=i-0000beef&Targets.member.1.Port=1", "InvalidTarget"],
  ])("refuses %s, where moto takes it", async (_, targets, code) => {
    const [group] = elb.world.groups.values();
    const body = `Action=RegisterTargets&TargetGroupArn=${encodeURIComponent(group?.arn ?? "")}&${targets}`;

    expect((await send(body)).xml).toContain(`<Code>${code}</Code>`);
  });
});
