/** How people name a target group: by name or by ARN. */

export interface GroupRef {
  readonly name: string;
  /** null where only the name was given. */
  readonly arn: string | null;
}

const NAME = /^(?!internal-)[A-Za-z0-9](?:[A-Za-z0-9-]{0,30}[A-Za-z0-9])?$/;
const ARN = /^arn:aws[a-z-]*:elasticloadbalancing:([a-z0-9-]+):\d{12}:targetgroup\/([^/]+)\/[0-9a-f]+$/;

/** @returns null if it is neither a target group's name nor its ARN */
export function readGroupRef(text: string): GroupRef | null {
  if (NAME.test(text)) return { name: text, arn: null };
  const name = ARN.exec(text)?.[2];
  return name !== undefined && NAME.test(name) ? { name, arn: text } : null;
}

/** @returns the region in an ARN, null for anything else */
export function regionOf(arn: string): string | null {
  return ARN.exec(arn)?.[1] ?? null;
}
