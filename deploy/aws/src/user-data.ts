/**
 * What a node does when it boots for the first time. The manager makes the swarm, keeps the workers' token where only
 * these nodes read it, and labels the workers; each worker joins. Runs as root on Amazon Linux 2023, once.
 */

export interface NodeScript {
  readonly name: string;
  /** `${Cluster}`, `${AWS::Region}`, as CloudFormation fills them in. */
  readonly parameter: string;
  readonly region: string;
}

const COMMON = ({ name, region }: NodeScript): readonly string[] => [
  "#!/bin/bash",
  "set -euo pipefail",
  `hostnamectl set-hostname ${name}`,
  // The way out may not be there yet.
  "until dnf install -y docker; do sleep 5; done",
  "systemctl enable --now docker",
  `export AWS_DEFAULT_REGION=${region}`,
  // IMDSv2: a token first.
  "token=$(curl -sf -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token)",
  'address=$(curl -sf -H "X-aws-ec2-metadata-token: $token" http://169.254.169.254/latest/meta-data/local-ipv4)',
];

/** @param labels what each worker is for, by name */
export function managerScript(script: NodeScript, labels: Readonly<Record<string, string>>): string {
  return [
    ...COMMON(script),
    'docker swarm init --advertise-addr "$address"',
    `aws ssm put-parameter --overwrite --type SecureString --name ${script.parameter} \\`,
    '  --value "$(docker swarm join-token --quiet worker) $address:2377" > /dev/null',
    "label() {",
    '  until docker node update --label-add "workload=$2" "$1" > /dev/null 2>&1; do sleep 5; done',
    "}",
    ...Object.entries(labels).map(([name, workload]) => `label ${name} ${workload}`),
    "docker node ls",
    "",
  ].join("\n");
}

export function workerScript(script: NodeScript): string {
  const read = `aws ssm get-parameter --with-decryption --name ${script.parameter} --query Parameter.Value --output text`;
  return [
    ...COMMON(script),
    // What an earlier swarm of this name left there leads nowhere: read again each time.
    `until join=$(${read} 2> /dev/null) &&`,
    `  docker swarm join --token "\${join% *}" --advertise-addr "$address" "\${join#* }"; do sleep 5; done`,
    "",
  ].join("\n");
}
