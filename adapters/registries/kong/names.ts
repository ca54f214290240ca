/** What our objects are called: by the service, and by the cluster where that is not the default one. */
import { quoted } from "../../text.ts";

const DEFAULT_CLUSTER = "default";

/** A host name's label: an upstream's name must be one or several (facts/kong.md §2). */
const LABEL = /^[A-Za-z0-9_](?:[A-Za-z0-9_-]*[A-Za-z0-9_])?$/;
const SERVICE = /^[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?$/;

/** The name of the upstream and of the Kong service: no service has a dot, so clusters never meet. */
export function objectName(cluster: string, service: string): string {
  return cluster === DEFAULT_CLUSTER ? service : `${cluster}.${service}`;
}

/** @param index of the route among those of its service, from 0 */
export function routeName(cluster: string, service: string, index: number): string {
  const name = objectName(cluster, service);
  return index === 0 ? name : `${name}~${index + 1}`;
}

/** @returns the index that {@link routeName} gives that name for; null if it is the name of none of the service's routes */
export function routeIndex(cluster: string, service: string, name: string): number | null {
  const [, number = "1"] = /~([1-9]\d{0,3})$/.exec(name) ?? [];
  const index = Number(number) - 1;
  return name === routeName(cluster, service, index) ? index : null;
}

/** @returns why the cluster's name can't begin an upstream's; null if it can */
export function clusterFault(cluster: string): string | null {
  if (cluster.split(".").every((label) => LABEL.test(label))) return null;
  return `the cluster's name ${JSON.stringify(cluster)} begins the names of upstreams, which are host names: use letters, digits and single inner dots, '-' and '_'`;
}

/** @returns why the service can't have an upstream; null if it can */
export function serviceFault(cluster: string, service: string): string | null {
  if (!SERVICE.test(service)) {
    return `its service name ${quoted(service)} can't name an upstream: at most 63 letters, digits, '-' and '_', beginning and ending with a letter or digit (muster.name)`;
  }
  if (!/^[\d.]+$/.test(objectName(cluster, service))) return null;
  return `its service name ${quoted(service)} would be taken for an IP address: give it a letter (muster.name)`;
}
