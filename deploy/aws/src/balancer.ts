/** The load balancer: the gateway of nk-microservices by default, Kong for the hosts of all other routes. */
import { type CfnParameter, Duration, Tags } from "aws-cdk-lib";
import type * as ec2 from "aws-cdk-lib/aws-ec2";
import * as elb from "aws-cdk-lib/aws-elasticloadbalancingv2";
import type { Construct } from "constructs";

export interface BalancerProps {
  readonly vpc: ec2.Vpc;
  readonly securityGroup: ec2.SecurityGroup;
  readonly cluster: CfnParameter;
  readonly domain: CfnParameter;
}

export interface Balancer {
  readonly alb: elb.ApplicationLoadBalancer;
  readonly listener: elb.ApplicationListener;
}

export function createBalancer(scope: Construct, props: BalancerProps): Balancer {
  const { vpc, securityGroup, domain } = props;
  const alb = new elb.ApplicationLoadBalancer(scope, "Alb", {
    ...{ vpc, securityGroup, internetFacing: true, dropInvalidHeaderFields: true },
  });
  // The names are those of the labels in deploy/swarm. The targets are Muster's.
  const gateway = groupOf(scope, "NkGateway", { name: "nk-gateway", port: 80, path: "/health", codes: "200" }, props);
  // Without a route Kong answers 404, which is as good as any sign of life.
  const kong = groupOf(scope, "Kong", { name: "kong", port: 8000, path: "/", codes: "200-499" }, props);
  const listener = alb.addListener("Http", { port: 80, open: false, defaultTargetGroups: [gateway] });
  listener.addTargetGroups("Routes", {
    priority: 100,
    conditions: [elb.ListenerCondition.hostHeaders([`*.${domain.valueAsString}`])],
    targetGroups: [kong],
  });
  return { alb, listener };
}

interface GroupSpec {
  readonly name: string;
  readonly port: number;
  readonly path: string;
  readonly codes: string;
}

function groupOf(scope: Construct, id: string, spec: GroupSpec, { vpc, cluster }: BalancerProps) {
  const group = new elb.ApplicationTargetGroup(scope, id, {
    ...{ vpc, port: spec.port, protocol: elb.ApplicationProtocol.HTTP, targetType: elb.TargetType.INSTANCE },
    targetGroupName: spec.name,
    deregistrationDelay: Duration.seconds(30),
    healthCheck: {
      ...{ path: spec.path, healthyHttpCodes: spec.codes },
      ...{ interval: Duration.seconds(10), timeout: Duration.seconds(5) },
      ...{ healthyThresholdCount: 2, unhealthyThresholdCount: 2 },
    },
  });
  Tags.of(group).add("muster:cluster", cluster.valueAsString);
  return group;
}
