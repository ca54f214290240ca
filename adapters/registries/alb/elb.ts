/** The calls of the ELBv2 API that Muster makes, in its own words. */
import {
  DeregisterTargetsCommand,
  DescribeTagsCommand,
  DescribeTargetGroupsCommand,
  DescribeTargetHealthCommand,
  RegisterTargetsCommand,
  type TargetGroup,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { notUnderstood } from "./errors.ts";
import { allPages } from "./pages.ts";
import type { Sender } from "./sender.ts";

/** A target is known by id and port; the zone is only ever given, never compared (facts/alb.md §1.1). */
export interface Target {
  /** EC2 instance id, or address. */
  readonly id: string;
  readonly port: number;
  readonly zone?: string;
}

export interface TargetHealth extends Target {
  /** e.g. `healthy`, `draining` */
  readonly state: string;
  /** e.g. `Target.Timeout` */
  readonly reason: string | null;
  readonly description: string | null;
}

export interface GroupDescription {
  readonly arn: string;
  readonly name: string;
  /** e.g. `instance`, `ip`, `lambda` */
  readonly type: string;
  /** Empty for checks without one. */
  readonly healthPath: string;
}

/** Every method waits for its turn and rejects with `signal.reason` on abort, else with a `RequestError`. */
export interface Elb {
  /** All of the region. */
  groups(signal: AbortSignal): Promise<readonly GroupDescription[]>;
  /** By ARN; any number of them. */
  tags(arns: readonly string[], signal: AbortSignal): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>>;
  /** @param targets absent: all that are registered or drain */
  health(arn: string, targets: readonly Target[] | null, signal: AbortSignal): Promise<readonly TargetHealth[]>;
  register(arn: string, targets: readonly Target[], signal: AbortSignal): Promise<void>;
  deregister(arn: string, targets: readonly Target[], signal: AbortSignal): Promise<void>;
  dispose(): void;
}

const TAGS_PER_CALL = 20;

export function createElb({ call, dispose }: Sender): Elb {
  return {
    groups(signal) {
      return allPages("DescribeTargetGroups", async (marker) => {
        const command = new DescribeTargetGroupsCommand({ Marker: marker });
        const output = await call("DescribeTargetGroups", (sdk) => sdk.send(command, { abortSignal: signal }), signal);
        if (output.TargetGroups === undefined) throw notUnderstood("DescribeTargetGroups");
        return { items: output.TargetGroups.map(groupOf), next: output.NextMarker };
      });
    },

    async tags(arns, signal) {
      const found = new Map<string, ReadonlyMap<string, string>>();
      for (let from = 0; from < arns.length; from += TAGS_PER_CALL) {
        const command = new DescribeTagsCommand({ ResourceArns: arns.slice(from, from + TAGS_PER_CALL) });
        const output = await call("DescribeTags", (sdk) => sdk.send(command, { abortSignal: signal }), signal);
        if (output.TagDescriptions === undefined) throw notUnderstood("DescribeTags");
        for (const { ResourceArn, Tags } of output.TagDescriptions) {
          found.set(ResourceArn ?? "", new Map((Tags ?? []).map(({ Key, Value }) => [Key ?? "", Value ?? ""])));
        }
      }
      return found;
    },

    async health(arn, targets, signal) {
      const command = new DescribeTargetHealthCommand({
        TargetGroupArn: arn,
        ...(targets !== null && { Targets: targets.map(({ id, port }) => ({ Id: id, Port: port })) }),
      });
      const output = await call("DescribeTargetHealth", (sdk) => sdk.send(command, { abortSignal: signal }), signal);
      if (output.TargetHealthDescriptions === undefined) throw notUnderstood("DescribeTargetHealth");
      return output.TargetHealthDescriptions.map(({ Target, TargetHealth }) => {
        if (Target?.Id === undefined || Target.Port === undefined || TargetHealth?.State === undefined) {
          throw notUnderstood("DescribeTargetHealth");
        }
        const { State: state, Reason: reason = null, Description: description = null } = TargetHealth;
        return { id: Target.Id, port: Target.Port, state, reason, description };
      });
    },

    async register(arn, targets, signal) {
      const command = new RegisterTargetsCommand({ TargetGroupArn: arn, Targets: targets.map(described) });
      await call("RegisterTargets", (sdk) => sdk.send(command, { abortSignal: signal }), signal);
    },

    async deregister(arn, targets, signal) {
      const command = new DeregisterTargetsCommand({ TargetGroupArn: arn, Targets: targets.map(described) });
      await call("DeregisterTargets", (sdk) => sdk.send(command, { abortSignal: signal }), signal);
    },

    dispose,
  };
}

function groupOf(group: TargetGroup): GroupDescription {
  const { TargetGroupArn: arn, TargetGroupName: name, TargetType: type, HealthCheckPath } = group;
  if (arn === undefined || name === undefined) throw notUnderstood("DescribeTargetGroups");
  return { arn, name, type: type ?? "instance", healthPath: HealthCheckPath ?? "" };
}

function described({ id, port, zone }: Target) {
  return { Id: id, Port: port, ...(zone !== undefined && { AvailabilityZone: zone }) };
}
