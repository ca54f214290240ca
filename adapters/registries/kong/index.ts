/**
 * Kong: every service has an upstream with its instances as targets and, where it has routes, a Kong service and routes
 * (docs/kong.md). The facts behind this adapter: facts/kong.md, measured on 2.1.4, 2.8.5 and 3.4.2.
 */
import type { AdapterContext, Registration, Registry } from "../../../src/model.ts";
import { messageOf, RequestError } from "../../failure.ts";
import { createAdminClient } from "./admin.ts";
import { createDblessHolder } from "./dbless.ts";
import { diagnose } from "./diagnose.ts";
import type { Holder } from "./holder.ts";
import { createLiveHolder } from "./live.ts";
import type { KongOptions } from "./options.ts";
import { project } from "./project.ts";
import { returnsOfAny } from "./returns.ts";
import { settingsOf } from "./settings.ts";

/** Throws an Error that names the file if a TLS file can't be used, or the cluster if its name can't be used here. */
export function createKongRegistry(options: KongOptions, context: AdapterContext): Registry {
  const { name } = context;
  const settings = settingsOf(options, context);
  const { dbless, concurrency } = options;
  const urls = dbless === undefined ? [options.url] : (options.urls ?? [options.url]);
  const admins = urls.map((url) => createAdminClient(url, options));
  const [admin] = admins;
  if (admin === undefined) throw new Error(`${name}: no url is given`);
  const holder =
    dbless === undefined
      ? createLiveHolder(admin, settings, concurrency)
      : createDblessHolder(admins, settings, { base: dbless.base ?? null, concurrency, log: context.log });

  async function listing(list: Holder["list"], signal: AbortSignal): Promise<readonly Registration[]> {
    signal.throwIfAborted();
    try {
      return await list(signal);
    } catch (error) {
      signal.throwIfAborted();
      throw new RequestError(`${name}: list: ${messageOf(error)}`, { retry: true, ambiguous: false, cause: error });
    }
  }

  return {
    name,
    drains: true,
    project: (instance) => project(instance, settings),
    list: (signal) => listing(holder.list, signal),
    listOthers: (signal) => listing(holder.listOthers, signal),
    apply: holder.apply,
    diagnose: (signal) => diagnose(options, context, signal),
    // A database outlives a restart, memory does not.
    ...(dbless !== undefined && { returns: (signal: AbortSignal) => returnsOfAny(urls, signal) }),
    async [Symbol.asyncDispose]() {
      await Promise.all(admins.map((each) => each[Symbol.asyncDispose]()));
    },
  };
}
