/** Who this machine is: asked of the instance metadata service, and only where it is needed. */
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createImds } from "../../adapters/registries/alb/imds.ts";
import { instance } from "../conformance/registry/fleet.ts";
import { type FakeImds, startFakeImds } from "../fakes/alb/imds.ts";
import { startFakeElb } from "../fakes/alb/server.ts";
import { addMachine, held, NEVER, openAlb, pass, useCredentials } from "./alb-harness.ts";

useCredentials();
const { AWS_EC2_METADATA_DISABLED: _, ...env } = process.env;

let imds: FakeImds;

beforeEach(async () => {
  imds = await startFakeImds();
});

afterEach(async () => {
  await imds[Symbol.asyncDispose]();
});

function at(url: string, more: NodeJS.ProcessEnv = {}) {
  return createImds({ ...env, AWS_EC2_METADATA_SERVICE_ENDPOINT: url, ...more });
}

describe("the metadata service", () => {
  it("is asked once, with a token (IMDSv2)", async () => {
    const { machine } = at(imds.url);

    expect(await machine(NEVER)).toEqual({
      instanceId: "i-0123456789abcdef0",
      address: "10.0.0.1",
      zone: "eu-west-1a",
      region: "eu-west-1",
    });
    await machine(NEVER);

    expect(imds).toMatchObject({ tokens: 1, reads: 4 });
  });

  it("out of reach behind the hop limit: says how to raise it, and asks again later", async () => {
    imds.hopLimit = "too small";
    const { machine } = at(imds.url);

    await expect(machine(NEVER)).rejects.toThrow(
      /hop limit: .*--http-put-response-hop-limit 2; or set registries\.alb\.instanceId$/,
    );

    imds.hopLimit = "enough";
    expect(await machine(NEVER)).toMatchObject({ zone: "eu-west-1a" });
  });

  it.each([
    ["refused", "http://127.0.0.1:1", {}, "can't be reached"],
    ["switched off", "http://127.0.0.1:1", { AWS_EC2_METADATA_DISABLED: "true" }, "AWS_EC2_METADATA_DISABLED is true"],
  ])("%s: says so", async (_case, url, more, error) => {
    await expect(at(url, more).machine(NEVER)).rejects.toThrow(error);
  });

  it("that does not know what is asked is named with its answer", async () => {
    imds.facts.delete("instance-id");
    await expect(at(imds.url).machine(NEVER)).rejects.toThrow("/latest/meta-data/instance-id answers with status 404");
  });

  it("an abort ends the question at once, with its reason", async () => {
    imds.hopLimit = "too small";
    const stop = new AbortController();
    const asked = at(imds.url).machine(stop.signal);
    await expect.poll(() => imds.tokens).toBe(1);
    stop.abort(new Error("told to stop"));

    await expect(asked).rejects.toThrow("told to stop");
  });
});

describe("the registry", () => {
  it("learns its instance id, and only for groups that take instances", async () => {
    await using elb = await startFakeElb();
    addMachine(elb, "i-0123456789abcdef0");
    const ips = elb.world.addGroup({ name: "ips", type: "ip" });
    process.env["AWS_EC2_METADATA_DISABLED"] = "false";
    process.env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = imds.url;
    try {
      const targetGroups = { web: "ips", api: "machines" };
      await using alb = openAlb(elb, { options: { targetGroups }, asksWhoItIs: true });
      await pass(alb, [instance(1)]);
      expect(held(elb, ips)).toEqual(["10.0.0.1:10001"]);
      expect(imds.tokens).toBe(0);

      const machines = elb.world.addGroup({ name: "machines" });
      await expect.poll(() => pass(alb, [instance(1), instance(2, { service: "api" })])).toEqual([{ ok: true }]);
      expect(held(elb, machines)).toEqual(["i-0123456789abcdef0:10002"]);
      expect(imds.tokens).toBe(1);
    } finally {
      delete process.env["AWS_EC2_METADATA_SERVICE_ENDPOINT"];
      useCredentials();
    }
  });

  it("learns its region where nothing says it, and says what to set where it can't", async () => {
    await using elb = await startFakeElb();
    const { AWS_REGION, AWS_DEFAULT_REGION, AWS_PROFILE } = process.env;
    for (const name of ["AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE"]) delete process.env[name];
    try {
      await using lost = openAlb(elb, { asksWhereItIs: true });
      await expect(lost.list(NEVER)).rejects.toThrow(
        "alb: list: no region is known: set registries.alb.region or AWS_REGION",
      );

      process.env["AWS_EC2_METADATA_DISABLED"] = "false";
      process.env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = imds.url;
      await using found = openAlb(elb, { asksWhereItIs: true });
      expect(await found.list(NEVER)).toEqual([]);
    } finally {
      for (const [name, value] of Object.entries({ AWS_REGION, AWS_DEFAULT_REGION, AWS_PROFILE })) {
        if (value !== undefined) process.env[name] = value;
      }
      delete process.env["AWS_EC2_METADATA_SERVICE_ENDPOINT"];
      useCredentials();
    }
  });
});
