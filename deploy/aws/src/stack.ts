/** All of it: what the showcase's tutorials build by hand in the console. */
import { Aws, CfnOutput, CfnParameter, RemovalPolicy, Stack, type StackProps } from "aws-cdk-lib";
import * as ecr from "aws-cdk-lib/aws-ecr";
import * as iam from "aws-cdk-lib/aws-iam";
import type { Construct } from "constructs";
import { createBalancer } from "./balancer.ts";
import { createSecurityGroups, createVpc } from "./network.ts";
import { createNodes } from "./nodes.ts";

/** The images that are yours, as deploy/swarm names them. */
const IMAGES = {
  Muster: "muster",
  Vulcand: "vulcand",
  Web: "web",
  Vote: "voting-app/vote",
  Result: "voting-app/result",
  Worker: "voting-app/worker",
  PingPongClient: "microservice-ping-pong/client",
  PingPongNode: "microservice-ping-pong/node",
  NkGateway: "nk-gateway-service",
  NkBackend: "nk-backend-service",
};

/** A statement of iam-policy.json. */
interface Statement {
  readonly Resource: string;
  readonly Condition?: { readonly StringEquals: Readonly<Record<string, string>> };
}

export interface SwarmStackProps extends StackProps {
  /** The content of iam-policy.json. */
  readonly policy: { readonly Statement: readonly Statement[] };
}

export class SwarmStack extends Stack {
  constructor(scope: Construct, id: string, props: SwarmStackProps) {
    super(scope, id, props);
    const cluster = new CfnParameter(this, "Cluster", {
      description: "Name of the cluster, as in Muster's configuration",
      default: "swarm",
      allowedPattern: "[a-z][a-z0-9-]{0,31}",
    });
    const domain = new CfnParameter(this, "Domain", {
      description: "Hosts of the routes end with it: DOMAIN of deploy/swarm",
      default: "service.consul",
      allowedPattern: "[a-z0-9.-]+",
    });
    const image = new CfnParameter(this, "Image", {
      type: "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>",
      description: "Amazon Linux 2023",
      default: "/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64",
    });
    const machineType = new CfnParameter(this, "MachineType", { default: "t3.medium" });

    const vpc = createVpc(this);
    const groups = createSecurityGroups(this, vpc);
    const musterPolicy = iam.PolicyDocument.fromJson(forCluster(props.policy, cluster.valueAsString));
    const nodes = createNodes(this, { vpc, groups, cluster, image, machineType, musterPolicy });
    const { alb, listener } = createBalancer(this, { vpc, securityGroup: groups.alb, cluster, domain });
    for (const [key, name] of Object.entries(IMAGES)) {
      new ecr.Repository(this, `${key}Images`, {
        repositoryName: `${cluster.valueAsString}/${name}`,
        imageScanOnPush: true,
        lifecycleRules: [{ maxImageCount: 20 }],
        ...{ emptyOnDelete: true, removalPolicy: RemovalPolicy.DESTROY },
      });
    }

    new CfnOutput(this, "Url", { value: `http://${alb.loadBalancerDnsName}` });
    const registry = `${Aws.ACCOUNT_ID}.dkr.ecr.${Aws.REGION}.${Aws.URL_SUFFIX}/${cluster.valueAsString}`;
    new CfnOutput(this, "Registry", { value: registry, description: "REGISTRY of deploy/swarm" });
    new CfnOutput(this, "ListenerArn", { value: listener.listenerArn, description: "For registries.alb.rules" });
    for (const [key, node] of nodes) new CfnOutput(this, `${key}Id`, { value: node.instanceId });
    const address = nodes.get("Manager")?.instancePrivateIp ?? "";
    new CfnOutput(this, "ManagerAddress", { value: address, description: "CONSUL_JOIN of deploy/swarm" });
  }
}

/** The policy with this cluster's name in its condition. */
function forCluster(policy: SwarmStackProps["policy"], cluster: string): object {
  const tag = "aws:ResourceTag/muster:cluster";
  const statements = policy.Statement.map((statement) =>
    statement.Condition?.StringEquals[tag] === undefined
      ? statement
      : { ...statement, Condition: { StringEquals: { [tag]: cluster } } },
  );
  return { ...policy, Statement: statements };
}
