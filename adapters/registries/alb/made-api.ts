/** The calls that make, change and remove target groups, in Muster's own words. */
import {
  CreateTargetGroupCommand,
  DeleteTargetGroupCommand,
  DescribeTargetGroupAttributesCommand,
  ModifyTargetGroupAttributesCommand,
  ModifyTargetGroupCommand,
} from "@aws-sdk/client-elastic-load-balancing-v2";
import { notUnderstood } from "./errors.ts";
import type { TargetType } from "./ownership.ts";
import type { Sender } from "./sender.ts";

export interface NewGroup {
  readonly name: string;
  readonly vpc: string;
  readonly type: TargetType;
  readonly healthPath: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** As for `Elb`: rejects with `signal.reason` on abort, else with a `RequestError`. */
export interface MadeApi {
  /** @returns its ARN; also of one that is there already with the same settings */
  create(group: NewGroup, signal: AbortSignal): Promise<string>;
  setHealthPath(arn: string, path: string, signal: AbortSignal): Promise<void>;
  /** Its deregistration delay, s. */
  delay(arn: string, signal: AbortSignal): Promise<number>;
  setDelay(arn: string, seconds: number, signal: AbortSignal): Promise<void>;
  /** Also where it is not there. */
  remove(arn: string, signal: AbortSignal): Promise<void>;
}

const DELAY = "deregistration_delay.timeout_seconds";
/** Quick enough to follow a rolling update; the path is what differs between services. */
const CHECKS = {
  HealthCheckIntervalSeconds: 10,
  HealthCheckTimeoutSeconds: 5,
  HealthyThresholdCount: 2,
  UnhealthyThresholdCount: 2,
};
/** Only for targets without a port of their own, which ours never are. */
const PORT = 80;

export function createMadeApi({ call }: Sender): MadeApi {
  return {
    async create({ name, vpc, type, healthPath, tags }, signal) {
      const command = new CreateTargetGroupCommand({
        ...{ Name: name, VpcId: vpc, TargetType: type, Protocol: "HTTP", Port: PORT },
        ...{ HealthCheckPath: healthPath, ...CHECKS },
        Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
      });
      const output = await call("CreateTargetGroup", (sdk) => sdk.send(command, { abortSignal: signal }), signal);
      const arn = output.TargetGroups?.[0]?.TargetGroupArn;
      if (arn === undefined) throw notUnderstood("CreateTargetGroup");
      return arn;
    },
    async setHealthPath(arn, path, signal) {
      const command = new ModifyTargetGroupCommand({ TargetGroupArn: arn, HealthCheckPath: path });
      await call("ModifyTargetGroup", (sdk) => sdk.send(command, { abortSignal: signal }), signal);
    },
    async delay(arn, signal) {
      const action = "DescribeTargetGroupAttributes";
      const command = new DescribeTargetGroupAttributesCommand({ TargetGroupArn: arn });
      const output = await call(action, (sdk) => sdk.send(command, { abortSignal: signal }), signal);
      const seconds = Number(output.Attributes?.find(({ Key }) => Key === DELAY)?.Value);
      if (!Number.isFinite(seconds)) throw notUnderstood(action);
      return seconds;
    },
    async setDelay(arn, seconds, signal) {
      const Attributes = [{ Key: DELAY, Value: String(seconds) }];
      const command = new ModifyTargetGroupAttributesCommand({ TargetGroupArn: arn, Attributes });
      await call("ModifyTargetGroupAttributes", (sdk) => sdk.send(command, { abortSignal: signal }), signal);
    },
    async remove(arn, signal) {
      const command = new DeleteTargetGroupCommand({ TargetGroupArn: arn });
      await call("DeleteTargetGroup", (sdk) => sdk.send(command, { abortSignal: signal }), signal);
    },
  };
}
