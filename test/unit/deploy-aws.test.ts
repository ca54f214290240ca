/** deploy/aws: the committed template, which people deploy without CDK. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { chmod, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { DEPLOY } from "./deploy-stack.ts";

type Properties = Readonly<Record<string, unknown>>;
interface Resource {
  readonly Type: string;
  readonly Properties: Properties;
}

const AWS = `${DEPLOY}aws/`;
const text = readFileSync(`${AWS}swarm.template`, "utf8");
const template = JSON.parse(text) as {
  readonly Metadata: { readonly SourcesSha256: string };
  readonly Parameters: Readonly<Record<string, { readonly Type: string; readonly Default?: string }>>;
  readonly Resources: Readonly<Record<string, Resource>>;
  readonly Outputs: Readonly<Record<string, unknown>>;
};
const all = Object.entries(template.Resources);

function of(type: string): readonly Properties[] {
  return all.filter(([, { Type }]) => Type === `AWS::${type}`).map(([, { Properties }]) => Properties);
}

const KNOWN: Readonly<Record<string, string>> = { Cluster: "swarm", "AWS::Region": "eu-west-1" };

/** With a cluster called `swarm`, and what only AWS knows in angle brackets. */
function filled(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(filled);
  if (typeof value !== "object" || value === null) return value;
  if ("Ref" in value) return KNOWN[String(value.Ref)] ?? `<${String(value.Ref)}>`;
  if ("Fn::GetAtt" in value) return `<${(value["Fn::GetAtt"] as string[])[0]}>`;
  if ("Fn::Join" in value) return (filled(value["Fn::Join"]) as [string, string[]])[1].join("");
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, filled(inner)]));
}

/** A security group by the beginning of its name in the template. */
function nameOf(reference: unknown): string {
  const [, name = ""] = /^<(\w+?)SecurityGroup[0-9A-F]*>$/.exec(String(filled(reference))) ?? [];
  return name;
}

const instances = of("EC2::Instance");

function instanceCalled(name: string): Properties {
  const found = instances.find(({ Tags }) => JSON.stringify(filled(Tags)).includes(`swarm-${name}"`));
  if (found === undefined) throw new Error(`no instance ${name}`);
  return found;
}

describe("the template", () => {
  it("is current: made of the sources, the policy and the lock file as they are", () => {
    const names = readdirSync(`${AWS}src`).sort(byText);
    const hash = createHash("sha256");
    for (const file of [...names.map((name) => `src/${name}`), "iam-policy.json", "package-lock.json"])
      hash.update(readFileSync(AWS + file));
    expect(template.Metadata.SourcesSha256, "cd deploy/aws && npm ci && npm run synth").toBe(hash.digest("hex"));
  });

  it("fits into one call, and names nobody's machine, account or region", () => {
    expect(Buffer.byteLength(text)).toBeLessThan(51_200);
    expect(text).not.toMatch(/\/(home|root|work|Users)\/|\b\d{12}\b|\b[a-z]{2}-(north|south|east|west|central)/);
  });

  it("needs no parameter, and is told what deploy/swarm asks for", () => {
    for (const { Default } of Object.values(template.Parameters)) expect(Default).toBeDefined();
    expect(Object.keys(template.Outputs)).toEqual(expect.arrayContaining(["Url", "Registry", "ManagerAddress"]));
    const { cluster } = parse(readFileSync(`${DEPLOY}swarm/config/muster.yaml`, "utf8")) as { cluster: string };
    expect(template.Parameters["Cluster"]?.Default).toBe(cluster);
  });
});

describe("security groups", () => {
  const rules = (type: string, end: string) =>
    of(`EC2::SecurityGroup${type}`).map((rule) => {
      const ports = rule["FromPort"] === undefined ? "" : ` ${String(rule["FromPort"])}-${String(rule["ToPort"])}`;
      const other = nameOf(rule[end]);
      return `${other} → ${nameOf(rule["GroupId"])} ${String(rule["IpProtocol"])}${ports}`;
    });

  it("let in what deploy/swarm needs, and nothing else", () => {
    expect(rules("Ingress", "SourceSecurityGroupId").sort(byText)).toEqual(
      [
        "Alb → Worker tcp 8000-8000",
        "Alb → Service tcp 80-80",
        "Alb → Service tcp 32768-60999",
        "Worker → Worker tcp 32768-60999",
        "Node → Manager tcp 2377-2377",
        "Node → Manager tcp 8300-8300",
        "Node → Node tcp 7946-7946",
        "Node → Node udp 7946-7946",
        "Node → Node udp 4789-4789",
        "Node → Node 50",
        "Node → Node tcp 8301-8301",
        "Node → Node udp 8301-8301",
      ].sort(byText),
    );
  });

  it("know the world at the load balancer's port 80 only, which goes nowhere but to the workers", () => {
    const open = of("EC2::SecurityGroup").flatMap(
      ({ SecurityGroupIngress = [] }) => SecurityGroupIngress as Properties[],
    );
    expect(open).toMatchObject([{ CidrIp: "0.0.0.0/0", IpProtocol: "tcp", FromPort: 80, ToPort: 80 }]);
    expect(rules("Egress", "DestinationSecurityGroupId").sort(byText)).toEqual(
      ["Service → Alb tcp 80-80", "Service → Alb tcp 32768-60999", "Worker → Alb tcp 8000-8000"].sort(byText),
    );
    const worldwide = of("EC2::SecurityGroup").filter((group) => JSON.stringify(group).includes('"-1"'));
    expect(worldwide).toHaveLength(1);
  });
});

describe("the nodes", () => {
  it("are one manager, two service workers in two zones and one database worker", () => {
    const groupsOf = (name: string) => (instanceCalled(name)["SecurityGroupIds"] as unknown[]).map(nameOf);
    expect(instances).toHaveLength(4);
    expect(groupsOf("manager-1")).toEqual(["Node", "Manager"]);
    expect(groupsOf("database-1")).toEqual(["Node", "Worker"]);
    for (const name of ["service-1", "service-2"]) expect(groupsOf(name)).toEqual(["Node", "Worker", "Service"]);
    const zones = ["service-1", "service-2"].map((name) => JSON.stringify(instanceCalled(name)["AvailabilityZone"]));
    expect(new Set(zones).size).toBe(2);
  });

  it("are in private subnets, without public addresses or keys, on encrypted disks", () => {
    for (const instance of instances) {
      expect(String(filled(instance["SubnetId"]))).toMatch(/^<VpcprivateSubnet/);
      expect(instance).not.toHaveProperty("KeyName");
      expect(instance).not.toHaveProperty("NetworkInterfaces");
      expect(instance["BlockDeviceMappings"]).toMatchObject([{ Ebs: { Encrypted: true } }]);
    }
    for (const subnet of of("EC2::Subnet")) expect(subnet["MapPublicIpOnLaunch"]).toBe(false);
  });

  it("answer IMDSv2 only, also to a container", () => {
    for (const { MetadataOptions } of instances) {
      expect(MetadataOptions).toMatchObject({ HttpTokens: "required", HttpPutResponseHopLimit: 2 });
    }
  });

  it("may do what iam-policy.json says, pull their images, and hand the join token over; and no more", async () => {
    const policy: unknown = JSON.parse(await readFile(`${AWS}iam-policy.json`, "utf8"));
    const roles = of("IAM::Role");
    expect(roles).toHaveLength(2);
    for (const role of roles) {
      const policies = filled(role["Policies"]) as { PolicyName: string; PolicyDocument: unknown }[];
      expect(policies.map(({ PolicyName }) => PolicyName)).toEqual(["muster", "images", "join"]);
      const [muster, images] = policies;
      expect(muster?.PolicyDocument).toEqual(policy);
      expect(JSON.stringify(images)).not.toMatch(/Put|Delete|Create|Initiate|Upload|\*"\],"Effect/);
      expect(JSON.stringify(filled(role["ManagedPolicyArns"]))).toMatch(/^\["[^"]*\/AmazonSSMManagedInstanceCore"\]$/);
    }
    const joins = roles.map((role) => JSON.stringify(filled(role["Policies"])).match(/ssm:[A-Z]\w+/g));
    expect(joins).toEqual([["ssm:PutParameter"], ["ssm:GetParameter"]]);
  });
});

describe("the load balancer", () => {
  it("has target groups that Muster may fill, by the names of the labels, checked at /health", () => {
    const groups = of("ElasticLoadBalancingV2::TargetGroup");
    expect(groups.map(({ Name, Port, HealthCheckPath }) => [Name, Port, HealthCheckPath])).toEqual([
      ["nk-gateway", 80, "/health"],
      ["kong", 8000, "/"],
    ]);
    const labels = ["platform.yaml", "nk-microservices.yaml"].map((file) =>
      readFileSync(`${DEPLOY}swarm/${file}`, "utf8"),
    );
    for (const { Name, Tags, TargetType, Targets, TargetGroupAttributes } of groups) {
      expect(labels.join("")).toContain(`muster.alb.target-group: ${String(Name)}\n`);
      expect(filled(Tags)).toContainEqual({ Key: "muster:cluster", Value: "swarm" });
      expect({ TargetType, Targets }).toEqual({ TargetType: "instance", Targets: undefined });
      expect(TargetGroupAttributes).toContainEqual({ Key: "deregistration_delay.timeout_seconds", Value: "30" });
    }
  });

  it("is the only thing that is public, and sends the gateway what no rule sends elsewhere", () => {
    const [balancer] = of("ElasticLoadBalancingV2::LoadBalancer");
    expect(balancer).toMatchObject({ Scheme: "internet-facing", Type: "application" });
    const subnets = ((balancer?.["Subnets"] ?? []) as unknown[]).map(filled);
    expect(subnets).toHaveLength(2);
    for (const subnet of subnets) expect(subnet).toMatch(/^<VpcpublicSubnet/);
    const [listener] = of("ElasticLoadBalancingV2::Listener");
    expect(filled(listener?.["DefaultActions"])).toMatchObject([
      { TargetGroupArn: expect.stringMatching(/^<NkGateway/) },
    ]);
    const [rule] = of("ElasticLoadBalancingV2::ListenerRule");
    expect(filled(rule?.["Actions"])).toMatchObject([{ TargetGroupArn: expect.stringMatching(/^<Kong/) }]);
  });
});

it("there is a repository for each image of deploy/swarm that is yours", () => {
  const files = readdirSync(`${DEPLOY}swarm`).filter((name) => name.endsWith(".yaml"));
  const used = files.flatMap((file) =>
    [...readFileSync(`${DEPLOY}swarm/${file}`, "utf8").matchAll(/image: \$\{REGISTRY[^}]*\}\/([^:\s]+)/g)].map(
      ([, name]) => name,
    ),
  );
  const made = of("ECR::Repository").map(({ RepositoryName }) => String(filled(RepositoryName)).replace("swarm/", ""));
  expect(new Set(made)).toEqual(new Set(used));
});

describe("a node's first boot", () => {
  /** Runs the script with stand-ins for the programs that it calls. @returns what it called */
  async function boot(name: string): Promise<readonly string[]> {
    const folder = await mkdtemp(join(tmpdir(), "muster-boot-"));
    try {
      const userData = filled(instanceCalled(name)["UserData"]) as { "Fn::Base64": string };
      const log = join(folder, "log");
      const stubs: Readonly<Record<string, string>> = {
        hostnamectl: "",
        systemctl: "",
        sleep: "",
        // The way out is there at the second attempt.
        dnf: `test -e ${folder}/dnf-tried || { touch ${folder}/dnf-tried; exit 1; }`,
        curl: 'case "$*" in *local-ipv4) echo 10.0.2.7 ;; *) echo a-token ;; esac',
        // The manager has not written it at the first attempt.
        aws: `test "$2" = put-parameter && exit 0
          test -e ${folder}/asked || { touch ${folder}/asked; exit 255; }
          echo SWMTKN-1-x 10.0.2.4:2377`,
        // A worker that is to be labelled has not joined at the first attempt.
        docker: `test "$2" = join-token && echo SWMTKN-1-x
          case "$*" in "node update"*) test -e ${folder}/joined || { touch ${folder}/joined; exit 1; } ;; esac`,
      };
      for (const [program, body] of Object.entries(stubs)) {
        await writeFile(join(folder, program), `#!/bin/bash\necho "${program} $*" >> ${log}\n${body}\n`);
        await chmod(join(folder, program), 0o755);
      }
      const script = join(folder, "boot.sh");
      await writeFile(script, userData["Fn::Base64"]);
      const env = { PATH: `${folder}:${process.env["PATH"] ?? ""}` };
      await promisify(execFile)("bash", [script], { env, timeout: 10_000 });
      return (await readFile(log, "utf8")).split("\n").filter((line) => /^(docker|aws|hostnamectl)/.test(line));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  it("makes the manager's swarm, hands the token over, and labels the workers when they are there", async () => {
    const called = await boot("manager-1");
    expect(called.slice(0, 2)).toEqual([
      "hostnamectl set-hostname manager-1",
      "docker swarm init --advertise-addr 10.0.2.7",
    ]);
    expect(called).toContain(
      "aws ssm put-parameter --overwrite --type SecureString --name /swarm/worker-join --value SWMTKN-1-x 10.0.2.7:2377",
    );
    const labels = called.filter((line) => line.startsWith("docker node update"));
    expect(labels.map((line) => line.split(" ").slice(-2).join(" "))).toEqual([
      "workload=service service-1",
      "workload=service service-1",
      "workload=service service-2",
      "workload=database database-1",
    ]);
  });

  it("joins the workers, as soon as there is a token", async () => {
    const called = await boot("database-1");
    expect(called.filter((line) => line.startsWith("docker"))).toEqual([
      "docker swarm join --token SWMTKN-1-x --advertise-addr 10.0.2.7 10.0.2.4:2377",
    ]);
  });
});

function byText(a: string, b: string): number {
  return a < b ? -1 : 1;
}
