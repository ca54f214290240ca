/**
 * The wire format against moto, an emulator that is not ours; MUSTER_TEST_MOTO_URL=http://127.0.0.1:5000 is one that runs
 * already. Moto knows a target by its id alone and drains nothing (facts/alb.md §2), so only what it can do is asked of it.
 */

import { readFile } from "node:fs/promises";
import {
  CreateListenerCommand,
  CreateLoadBalancerCommand,
  CreateTargetGroupCommand,
  DescribeTagsCommand,
  DescribeTargetHealthCommand,
  ElasticLoadBalancingV2Client,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createAlbRegistry } from "../../adapters/registries/alb/index.ts";
import type { AlbOptions } from "../../adapters/registries/alb/options.ts";
import type { Instance, Outcome } from "../../src/model.ts";
import { labAvailable } from "../lab/available.ts";
import { type Moto, startMoto } from "../lab/moto.ts";
import { silent } from "../reconciling.ts";
import { DEPLOY } from "../unit/deploy-stack.ts";
import { hurried, MACHINE, NEVER, NODE, pass, task, useCredentials } from "./alb-harness.ts";

useCredentials();

const { skip, reason } = await labAvailable("moto");
const region = "eu-west-1";
const ok: Outcome = { ok: true };

function texts(xml: string, tag: string): readonly string[] {
  return [...xml.matchAll(new RegExp(`<${tag}>([^<]*)</${tag}>`, "g"))].flatMap(([, text]) => text ?? []);
}

describe.skipIf(skip)(`moto ${reason}`, { timeout: 60_000 }, () => {
  let moto: Moto;
  let sdk: ElasticLoadBalancingV2Client;
  let vpc: string;
  let listener: string;
  let web: string;

  beforeAll(async () => {
    moto = await startMoto();
  });
  afterAll(() => moto?.[Symbol.asyncDispose]());
  beforeEach(async () => {
    await fetch(`${moto.url}/moto-api/reset`, { method: "POST" });
    sdk = new ElasticLoadBalancingV2Client({ region, endpoint: moto.url });
    const subnets = await aws("ec2", "2016-11-15", { Action: "DescribeSubnets" });
    vpc = texts(subnets, "vpcId")[0] ?? "";
    web = await createGroup("web");
    const Subnets = texts(subnets, "subnetId").slice(0, 2);
    const alb = await sdk.send(new CreateLoadBalancerCommand({ Name: "lb", Subnets }));
    const made = await sdk.send(
      new CreateListenerCommand({
        LoadBalancerArn: alb.LoadBalancers?.[0]?.LoadBalancerArn,
        ...{ Protocol: "HTTP", Port: 80, DefaultActions: [{ Type: "forward", TargetGroupArn: web }] },
      }),
    );
    listener = made.Listeners?.[0]?.ListenerArn ?? "";
  });
  afterEach(() => sdk.destroy());

  /** A call of a service whose SDK is none of ours, as moto takes it. */
  async function aws(service: string, version: string, form: Readonly<Record<string, string>>): Promise<string> {
    const scope = `Credential=AKIAEXAMPLE/20260101/${region}/${service}/aws4_request`;
    const authorization = `AWS4-HMAC-SHA256 ${scope}, SignedHeaders=host, Signature=00`;
    const body = new URLSearchParams({ Version: version, ...form });
    const answer = await fetch(moto.url, { method: "POST", body, headers: { authorization } });
    return await answer.text();
  }

  async function createGroup(Name: string, Tags: { Key: string; Value: string }[] = []): Promise<string> {
    const settings = { Protocol: "HTTP", Port: 80, VpcId: vpc, TargetType: "ip" } as const;
    const made = await sdk.send(new CreateTargetGroupCommand({ Name, ...settings, ...(Tags.length > 0 && { Tags }) }));
    return made.TargetGroups?.[0]?.TargetGroupArn ?? "";
  }

  function open(options: Partial<AlbOptions> = {}) {
    const context = { name: "alb", ...NODE, resync: 0, log: silent, now: Date.now, random: () => 0.5 };
    const limits = { musters: 1, healthPoll: 0, timeout: 5000, instanceId: MACHINE };
    const groups = { targetGroups: { web: "web" }, discover: true, hosts: [] };
    return createAlbRegistry({ region, endpoint: moto.url, ...groups, ...limits, ...options }, context, hurried);
  }

  async function held(arn: string): Promise<readonly string[]> {
    const { TargetHealthDescriptions = [] } = await sdk.send(new DescribeTargetHealthCommand({ TargetGroupArn: arn }));
    return TargetHealthDescriptions.map(({ Target }) => `${Target?.Id}:${Target?.Port}`);
  }

  it("takes a target in, tells it back as it is, and lets it go", async () => {
    await using alb = open();
    expect(await pass(alb, [task(32_768)])).toEqual([ok]);
    expect(await held(web)).toEqual(["10.0.0.1:32768"]);
    expect(await pass(alb, [task(32_768)])).toEqual([]);
    expect(alb.detail("web/10.0.0.1:32768")).toMatchObject({ target: { state: "healthy" } });

    expect(await pass(alb, [])).toEqual([ok]);
    expect(await held(web)).toEqual([]);
  });

  it("finds a group by its tag among others", async () => {
    for (let n = 0; n < 30; n += 1) await createGroup(`other-${n}`);
    const tagged = await createGroup("tagged", [{ Key: "muster:cluster", Value: "default" }]);
    await using alb = open({ targetGroups: {} });

    expect(await pass(alb, [task(32_768, { albTargetGroups: ["tagged"] })])).toEqual([ok]);

    expect(await held(tagged)).toEqual(["10.0.0.1:32768"]);
    expect(await pass(alb, [task(32_769, { albTargetGroups: ["other-1"] })])).toContainEqual(
      expect.objectContaining({ ok: false, error: expect.stringContaining("is not this cluster's") }),
    );
  });

  it("makes a group and rules with their tags, reads them back, changes and removes them", async () => {
    const groups = { vpc, type: "ip" as const, healthPath: "/health", drain: 30_000 };
    await using alb = open({ targetGroups: {}, rules: { listeners: [listener], from: 1000, groups } });
    const routed = (priority: number | null, paths = ["/cart"]): Instance =>
      task(32_768, { service: "cart", routes: [{ hosts: ["shop.example"], paths, stripPath: false, priority }] });

    expect(await pass(alb, [routed(null)])).toEqual([ok, ok, ok]);
    expect(await pass(alb, [routed(null)])).toEqual([]);
    const listed = await alb.list(NEVER);
    expect(listed.map(({ rank }) => rank).sort()).toEqual([-1, -2, 0]);
    const rules = await aws("elasticloadbalancing", "2015-12-01", { Action: "DescribeRules", ListenerArn: listener });
    expect(rules).toContain("<member>/cart/*</member>");
    const [rule = ""] = texts(rules, "RuleArn");
    const { TagDescriptions } = await sdk.send(new DescribeTagsCommand({ ResourceArns: [rule] }));
    expect(TagDescriptions?.[0]?.Tags).toContainEqual({ Key: "muster:service", Value: "cart" });

    expect(await pass(alb, [routed(77)])).toEqual([ok]);
    expect(await pass(alb, [routed(77)])).toEqual([]);
    expect((await pass(alb, [])).length).toBeGreaterThan(0);
    await pass(alb, []);
    expect(await alb.list(NEVER)).toEqual([]);
  });

  it("names the error of a group that does not exist", async () => {
    await using alb = open({ targetGroups: { web: "nowhere" } });
    expect(await pass(alb, [task(32_768)])).toMatchObject([
      { ok: false, retry: false, error: expect.stringContaining("there is no target group nowhere") },
    ]);
  });

  it("deploys deploy/aws/swarm.template whole", async () => {
    const template = JSON.parse(await readFile(`${DEPLOY}aws/swarm.template`, "utf8")) as {
      Parameters: Record<string, { Type: string; Default: string }>;
      Resources: Record<string, { Properties?: { IpProtocol?: string; FromPort?: number; ToPort?: number } }>;
    };
    // Moto lacks AWS's own parameters, and protocols without ports.
    template.Parameters["Image"] = { Type: "String", Default: "ami-12c6146b" };
    for (const { Properties } of Object.values(template.Resources)) {
      if (Properties?.IpProtocol === "50") Object.assign(Properties, { FromPort: 0, ToPort: 0 });
    }
    const call = (Action: string, more: Record<string, string> = {}) =>
      aws("cloudformation", "2010-05-15", { Action, StackName: "swarm", ...more });
    const created = await call("CreateStack", {
      TemplateBody: JSON.stringify(template),
      "Capabilities.member.1": "CAPABILITY_IAM",
    });
    expect(created).toContain("<StackId>");

    const status = async () => texts(await call("DescribeStacks"), "StackStatus")[0];
    await expect.poll(status, { timeout: 30_000 }).toBe("CREATE_COMPLETE");
    const outputs = await call("DescribeStacks");
    expect(texts(outputs, "OutputKey")).toEqual(expect.arrayContaining(["Url", "ManagerId", "Registry"]));
    const instances = await aws("ec2", "2016-11-15", { Action: "DescribeInstances" });
    expect(texts(instances, "instanceId")).toHaveLength(4);
    expect(texts(instances, "value")).toEqual(expect.arrayContaining(["swarm-manager-1", "swarm-database-1"]));
  });
});
