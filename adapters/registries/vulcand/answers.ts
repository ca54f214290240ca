/** The shapes of Vulcand's answers: permissive on what is not used, strict on identity. Lists are null where empty on etcd v3. */
import * as v from "valibot";

const Id = v.pipe(v.string(), v.nonEmpty());

const Host = v.object({
  Name: Id,
  Settings: v.optional(
    v.object({
      KeyPair: v.optional(v.unknown(), null),
      OCSP: v.optional(v.object({ Responders: v.nullish(v.array(v.string()), []) }), {}),
    }),
    {},
  ),
});
export type Host = v.InferOutput<typeof Host>;
export const Hosts = v.object({ Hosts: v.nullable(v.array(Host)) });

const Listener = v.object({ Id, Address: v.object({ Address: v.string() }) });
export type Listener = v.InferOutput<typeof Listener>;
export const Listeners = v.object({ Listeners: v.nullable(v.array(Listener)) });

const Backend = v.object({ Id });
export type Backend = v.InferOutput<typeof Backend>;
export const Backends = v.object({ Backends: v.nullable(v.array(Backend)) });

const Frontend = v.object({
  Id,
  Route: v.optional(v.string(), ""),
  BackendId: v.optional(v.string(), ""),
  /** 0.8 knows no PassHostHeader. */
  Settings: v.nullish(v.object({ PassHostHeader: v.optional(v.boolean()) }), {}),
});
export type Frontend = v.InferOutput<typeof Frontend>;
export const Frontends = v.object({ Frontends: v.nullable(v.array(Frontend)) });

const Server = v.object({ Id, URL: v.optional(v.string(), "") });
export type Server = v.InferOutput<typeof Server>;
export const Servers = v.object({ Servers: v.nullable(v.array(Server)) });

export const Failure = v.object({ message: v.string() });
