/** One agent: every entry is a service of it, which it checks and tells the catalog. */
import type { AdapterContext } from "../../../src/model.ts";
import { createConsulClient } from "./client.ts";
import { createHeartbeat } from "./heartbeat.ts";
import type { Holder } from "./holder.ts";
import { createMaintenance } from "./maintenance.ts";
import type { ConsulOptions } from "./options.ts";
import { idFilter, type Owner } from "./ownership.ts";
import { readBack } from "./readback.ts";
import { droppedChecks, isSameService, readSpec, type ServiceSpec, serviceBody, ttlChecks } from "./spec.ts";
import { tagsToSend } from "./tags.ts";
import { createTaken } from "./taken.ts";

/** Throws an Error that names the file if a TLS file can't be used. A token file is first read by a request. */
export function createAgent(options: ConsulOptions, owner: Owner, context: AdapterContext): Holder {
  const { name, log, random } = context;
  const client = createConsulClient(options);
  const heartbeat = createHeartbeat({ name, log, random, pass: client.pass });
  // Only looked at: a beat is a write.
  if (context.readOnly === true) heartbeat.stop();
  const taken = createTaken(context);
  const maintenance = createMaintenance(client);

  async function write(key: string, held: ServiceSpec | null, spec: ServiceSpec, signal: AbortSignal): Promise<void> {
    const tags = await tagsToSend(held, spec, () => client.service(key, signal));
    // Replacing the checks would end a maintenance as well, so an update removes what it drops one by one.
    await client.register(serviceBody(key, { ...spec, tags }), held === null, signal);
    heartbeat.follow(key, ttlChecks(spec), false);
    for (const check of droppedChecks(held, spec)) await client.deregisterCheck(check, signal);
  }

  return {
    where: options.url,
    async list(signal) {
      const [services, checks] = await Promise.all([
        client.services(idFilter("ID", owner), signal),
        client.checks(idFilter("ServiceID", owner), signal),
      ]);
      const found = readBack(owner, services, checks, maintenance.found(checks));
      taken.found(found.taken);
      heartbeat.retain(new Set(found.ours.map(({ key }) => key)));
      for (const { key, spec } of found.ours) heartbeat.follow(key, ttlChecks(readSpec(spec)), true);
      for (const { ServiceID, CheckID, Status } of checks)
        if (Status !== "passing") heartbeat.hurry(ServiceID, CheckID);
      return found.ours;
    },
    async register(before, after, signal) {
      const { key } = after;
      taken.refuse(key);
      const spec = readSpec(after.spec);
      const held = before === null ? null : readSpec(before.spec);
      const begins = spec.draining === true && held?.draining !== true;
      // Traffic ends first, and begins last.
      if (begins && held !== null) await maintenance.begin(key, signal);
      if (held === null || !isSameService(held, spec)) await write(key, held, spec, signal);
      if (begins && held === null) await maintenance.begin(key, signal);
      if (spec.draining !== true && held?.draining === true) await maintenance.end(key, signal);
    },
    /** What others have put on our id is not ours to remove; our own entry is gone then. */
    async deregister({ key }, signal) {
      heartbeat.forget(key);
      maintenance.forget(key);
      if (!taken.has(key)) await client.deregister(key, signal);
    },
    async [Symbol.asyncDispose]() {
      heartbeat.stop();
      await client[Symbol.asyncDispose]();
    },
  };
}
