import type { Protocol } from "../src/model.ts";

/** `10.0.0.1:80`, `[fd00::1]:80` */
export function hostPort(address: string, port: number): string {
  return `${address.includes(":") ? `[${address}]` : address}:${port}`;
}

/** `Registration.endpoint`: `10.0.0.1:80/tcp` */
export function endpointOf(address: string, port: number, protocol: Protocol): string {
  return `${hostPort(address, port)}/${protocol}`;
}
