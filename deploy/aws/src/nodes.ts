/** The four machines of the swarm, and what they may do. */
import { Aws, type CfnParameter, Tags } from "aws-cdk-lib";
import * as ec2 from "aws-cdk-lib/aws-ec2";
import * as iam from "aws-cdk-lib/aws-iam";
import { Construct } from "constructs";
import type { SecurityGroups } from "./network.ts";
import { managerScript, workerScript } from "./user-data.ts";

export interface NodesProps {
  readonly vpc: ec2.Vpc;
  readonly groups: SecurityGroups;
  readonly cluster: CfnParameter;
  readonly image: CfnParameter;
  readonly machineType: CfnParameter;
  /** deploy/aws/iam-policy.json, for this cluster. */
  readonly musterPolicy: iam.PolicyDocument;
}

interface NodeSpec {
  readonly id: string;
  readonly name: string;
  /** Index of its zone. */
  readonly zone: number;
  /** The node label `workload`; null: the manager. */
  readonly workload: "service" | "database" | null;
}

const NODES: readonly NodeSpec[] = [
  { id: "Manager", name: "manager-1", zone: 0, workload: null },
  { id: "Service1", name: "service-1", zone: 0, workload: "service" },
  { id: "Service2", name: "service-2", zone: 1, workload: "service" },
  { id: "Database", name: "database-1", zone: 0, workload: "database" },
];

/** @returns the instances by their ids in the template */
export function createNodes(scope: Construct, props: NodesProps): ReadonlyMap<string, ec2.Instance> {
  const parent = new Construct(scope, "Nodes");
  const parameter = `/${props.cluster.valueAsString}/worker-join`;
  const manager = roleOf(parent, "ManagerRole", props, writeOf(parameter));
  const worker = roleOf(parent, "WorkerRole", props, readOf(parameter));
  return new Map(
    NODES.map((spec) => {
      const role = spec.workload === null ? manager : worker;
      return [spec.id, createNode(parent, spec, role, parameter, props)];
    }),
  );
}

function createNode(
  parent: Construct,
  spec: NodeSpec,
  role: iam.Role,
  parameter: string,
  { vpc, groups, image, machineType, cluster }: NodesProps,
): ec2.Instance {
  const script = { name: spec.name, parameter, region: Aws.REGION };
  const workers = NODES.flatMap(({ name, workload }) => (workload === null ? [] : [[name, workload] as const]));
  const userData = spec.workload === null ? managerScript(script, Object.fromEntries(workers)) : workerScript(script);
  const subnet = vpc.privateSubnets[spec.zone];
  if (subnet === undefined) throw new Error(`no zone ${spec.zone}`);
  const instance = new ec2.Instance(parent, spec.id, {
    vpc,
    vpcSubnets: { subnets: [subnet] },
    instanceType: new ec2.InstanceType(machineType.valueAsString),
    machineImage: imageOf(image, userData),
    role,
    securityGroup: groups.node,
    // Muster asks for its instance id from a container, which is one hop further away.
    httpTokens: ec2.HttpTokens.REQUIRED,
    httpEndpoint: true,
    httpPutResponseHopLimit: 2,
    blockDevices: [
      {
        deviceName: "/dev/xvda",
        volume: ec2.BlockDeviceVolume.ebs(25, { encrypted: true, volumeType: ec2.EbsDeviceVolumeType.GP3 }),
      },
    ],
  });
  instance.node.addDependency(subnet.internetConnectivityEstablished);
  for (const group of groupsOf(spec, groups)) instance.addSecurityGroup(group);
  Tags.of(instance).add("Name", `${cluster.valueAsString}-${spec.name}`);
  return instance;
}

/** Whichever image the parameter names. */
function imageOf(image: CfnParameter, userData: string): ec2.IMachineImage {
  const imageId = image.valueAsString;
  return {
    getImage: () => ({ imageId, osType: ec2.OperatingSystemType.LINUX, userData: ec2.UserData.custom(userData) }),
  };
}

function groupsOf({ workload }: NodeSpec, { manager, worker, service }: SecurityGroups): readonly ec2.SecurityGroup[] {
  if (workload === null) return [manager];
  return workload === "service" ? [worker, service] : [worker];
}

function roleOf(parent: Construct, id: string, props: NodesProps, join: iam.PolicyStatement): iam.Role {
  return new iam.Role(parent, id, {
    assumedBy: new iam.ServicePrincipal("ec2.amazonaws.com"),
    // Shells on the nodes go through Session Manager: there is no SSH, and no port for it.
    managedPolicies: [iam.ManagedPolicy.fromAwsManagedPolicyName("AmazonSSMManagedInstanceCore")],
    inlinePolicies: {
      muster: props.musterPolicy,
      images: new iam.PolicyDocument({ statements: pullsOf(props.cluster.valueAsString) }),
      join: new iam.PolicyDocument({ statements: [join] }),
    },
  });
}

function pullsOf(cluster: string): iam.PolicyStatement[] {
  const repositories = `arn:${Aws.PARTITION}:ecr:${Aws.REGION}:${Aws.ACCOUNT_ID}:repository/${cluster}/*`;
  return [
    new iam.PolicyStatement({ actions: ["ecr:GetAuthorizationToken"], resources: ["*"] }),
    new iam.PolicyStatement({
      actions: ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
      resources: [repositories],
    }),
  ];
}

function parameterArn(parameter: string): string {
  return `arn:${Aws.PARTITION}:ssm:${Aws.REGION}:${Aws.ACCOUNT_ID}:parameter${parameter}`;
}

function writeOf(parameter: string): iam.PolicyStatement {
  return new iam.PolicyStatement({ actions: ["ssm:PutParameter"], resources: [parameterArn(parameter)] });
}

function readOf(parameter: string): iam.PolicyStatement {
  return new iam.PolicyStatement({ actions: ["ssm:GetParameter"], resources: [parameterArn(parameter)] });
}
