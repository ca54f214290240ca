/** Whatever a registry answers to being listed: what is not understood is an error in one line, never an empty listing. */
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import * as v from "valibot";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createHttpClient, parseAnswer } from "../../adapters/http.ts";
import { createImds } from "../../adapters/registries/alb/imds.ts";
import type { Registry } from "../../src/model.ts";
import { noise } from "../property/junk.ts";
import { MACHINE, NODE, openAlb, useCredentials } from "./alb-harness.ts";
import { openRegistry as openConsul } from "./consul-harness.ts";
import { openRegistry as openKong } from "./kong-harness.ts";
import { openRegistry as openVulcand } from "./vulcand-harness.ts";

const NEVER = new AbortController().signal;

let server: Server;
let url: string;
let respond: (response: ServerResponse) => void = (response) => response.end();

beforeAll(async () => {
  useCredentials();
  server = createServer((request, response) => {
    request.resume().on("end", () => respond(response));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

/** JSON that is no listing of anything, and not the answer of a registry that has nothing either. */
const wrong = fc.constantFrom<unknown>(
  ...[null, true, 0, "", "x", [], [1], [[]], { a: 1 }, { data: {} }, { data: null }, { message: "no" }, { Hosts: {} }],
  ...[{ Backends: [{}] }, { version: "3.4.2" }, { a: { ID: "" } }, { a: [] }, { data: [{ id: "" }], offset: 1 }],
);
const body = fc.oneof(
  noise,
  wrong.map((json) => JSON.stringify(json)),
);

/** One that asks only this server. */
function open(name: string): Registry {
  if (name === "consul") return openConsul(url, NODE);
  if (name === "kong") return openKong(url);
  if (name === "vulcand") return openVulcand(url);
  return openElb(1000);
}

function openElb(timeout: number): Registry {
  const elb = { url, region: "eu-west-1" } as Parameters<typeof openAlb>[0];
  return openAlb(elb, { options: { targetGroups: { web: "web" }, instanceId: MACHINE, timeout } });
}

async function failureOf(work: Promise<unknown>): Promise<Error> {
  const error = await work.then(
    (value) => new Error(`it gave ${JSON.stringify(value)}`),
    (reason: unknown) => ({ reason }),
  );
  if (error instanceof Error) throw error;
  expect(error.reason).toBeInstanceOf(Error);
  return error.reason as Error;
}

describe.each(["consul", "kong", "vulcand", "alb"])("%s", (name) => {
  it("what is not understood is no listing", async () => {
    await using registry = open(name);
    await fc.assert(
      fc.asyncProperty(body, fc.constantFrom(200, 200, 204, 302, 404, 500), async (text, status) => {
        respond = (response) => response.writeHead(status, { "content-type": "application/json" }).end(text);
        const { message } = await failureOf(registry.list(NEVER));
        expect(message).toMatch(/^[^\n]{1,1000}$/);
      }),
      { numRuns: 40 },
    );
  });
});

describe("an answer without an end", () => {
  const flood = (response: ServerResponse) => {
    response.writeHead(200, { "content-type": "text/xml" });
    const chunk = Buffer.alloc(1024 * 1024, "<");
    const more = () => {
      while (!response.destroyed && response.write(chunk)) if (response.destroyed) return;
    };
    response.on("drain", more);
    more();
  };
  /** Begins, and then says nothing more. */
  const stall = (response: ServerResponse) => void response.writeHead(200).write("<Describe");

  it("of the ELBv2 API is given up, by its size and by its time", async () => {
    await using patient = openElb(30_000);
    respond = flood;
    expect((await failureOf(patient.list(NEVER))).message).toContain("the answer is too large");
    await using hasty = openElb(200);
    respond = stall;
    expect((await failureOf(hasty.list(NEVER))).message).toContain("no answer within 200 ms");
  });

  it("of the metadata service is given up, by its size", async () => {
    const imds = createImds({ AWS_EC2_METADATA_SERVICE_ENDPOINT: url });
    respond = flood;
    expect((await failureOf(imds.machine(NEVER))).message).toContain("larger than 65536 bytes");
  });

  it("in pages that go on for ever is given up as well", async () => {
    await using alb = open("alb");
    const answer = `<DescribeTargetGroupsResponse><DescribeTargetGroupsResult><TargetGroups/><NextMarker>again</NextMarker></DescribeTargetGroupsResult></DescribeTargetGroupsResponse>`;
    respond = (response) => response.writeHead(200, { "content-type": "text/xml" }).end(answer);
    expect((await failureOf(alb.list(NEVER))).message).toContain("DescribeTargetGroups: the list does not end");
  });
});

it("an error never quotes the answer: a server may repeat the token that it was sent", async () => {
  const secret = "Zq7w7KxVt3Zq7w7KxVt3";
  await using client = createHttpClient({ url, timeout: 5000 });
  const schema = v.object({ list: v.array(v.object({ id: v.number() })) });
  for (const text of [secret, `"${secret}"`, `<b>${secret}`, `{"list":"${secret}"}`, `{"list":[{"id":"${secret}"}]}`]) {
    respond = (response) => response.end(text);
    const answer = await client.send({ method: "GET", path: "/" }, NEVER);
    const error = await failureOf((async () => parseAnswer(schema, answer))());
    expect([error.message, String(error.cause)].join()).not.toContain(secret.slice(0, 6));
  }
});
