/** The network: two zones, nodes without public addresses, and security groups no wider than what deploy/swarm needs. */
import * as ec2 from "aws-cdk-lib/aws-ec2";
import type { Construct } from "constructs";

/** What a node is in, by what it does. */
export interface SecurityGroups {
  readonly alb: ec2.SecurityGroup;
  /** All nodes. */
  readonly node: ec2.SecurityGroup;
  readonly manager: ec2.SecurityGroup;
  /** Workers, the database's included: Kong is on each. */
  readonly worker: ec2.SecurityGroup;
  /** Workers that run applications. */
  readonly service: ec2.SecurityGroup;
}

/** Ports of tasks, as the engine hands them out. */
const TASKS = ec2.Port.tcpRange(32_768, 60_999);

/** A protocol without ports; CDK's own has some. */
const ESP = new ec2.Port({ protocol: ec2.Protocol.ESP, stringRepresentation: "ESP" });

export function createVpc(scope: Construct): ec2.Vpc {
  return new ec2.Vpc(scope, "Vpc", {
    ipAddresses: ec2.IpAddresses.cidr("10.0.0.0/16"),
    maxAzs: 2,
    natGateways: 1,
    subnetConfiguration: [
      { name: "public", subnetType: ec2.SubnetType.PUBLIC, cidrMask: 24, mapPublicIpOnLaunch: false },
      { name: "private", subnetType: ec2.SubnetType.PRIVATE_WITH_EGRESS, cidrMask: 24 },
    ],
  });
}

export function createSecurityGroups(scope: Construct, vpc: ec2.Vpc): SecurityGroups {
  const group = (id: string, description: string, allowAllOutbound: boolean) =>
    new ec2.SecurityGroup(scope, id, { vpc, description, allowAllOutbound });
  const alb = group("AlbSecurityGroup", "The load balancer: HTTP from everywhere", false);
  // Out to everywhere: packages and images come from outside.
  const node = group("NodeSecurityGroup", "All nodes: what Swarm and Consul say to each other", true);
  const manager = group("ManagerSecurityGroup", "Managers: joins, and servers of Consul", false);
  const worker = group("WorkerSecurityGroup", "Workers: Kong from the load balancer, tasks from the gateways", false);
  const service = group("ServiceSecurityGroup", "Service workers: what the load balancer sends them", false);

  alb.addIngressRule(ec2.Peer.anyIpv4(), ec2.Port.tcp(80), "HTTP from everywhere");
  allow(alb, worker, ec2.Port.tcp(8000), "Kong");
  allow(alb, service, ec2.Port.tcp(80), "nk-gateway on the routing mesh");
  allow(alb, service, TASKS, "tasks");

  within(node, ec2.Port.tcp(7946), "Swarm: gossip");
  within(node, ec2.Port.udp(7946), "Swarm: gossip");
  within(node, ec2.Port.udp(4789), "Swarm: overlay networks");
  within(node, ESP, "Swarm: encrypted overlay networks");
  within(node, ec2.Port.tcp(8301), "Consul: gossip");
  within(node, ec2.Port.udp(8301), "Consul: gossip");
  manager.addIngressRule(node, ec2.Port.tcp(2377), "Swarm: joins and orders");
  manager.addIngressRule(node, ec2.Port.tcp(8300), "Consul: servers");
  within(worker, TASKS, "gateways to tasks");
  return { alb, node, manager, worker, service };
}

function within(group: ec2.SecurityGroup, port: ec2.Port, why: string): void {
  group.addIngressRule(group, port, why);
}

/** In at one end, and out at the other. */
function allow(from: ec2.SecurityGroup, to: ec2.SecurityGroup, port: ec2.Port, why: string): void {
  to.addIngressRule(from, port, why);
  from.addEgressRule(to, port, why);
}
