/** From a request's object to what is stored, with each version's checks and defaults. */
import { type Dialect, emptyId, isBeta, mistake } from "./dialect.ts";
import { parseGoDuration } from "./durations.ts";
import { type Fields, field, section, text } from "./json.ts";
import { parseRoute } from "./route.ts";

function hostOf(dialect: Dialect, object: Fields): Fields {
  const name = text(dialect, "Host", object, "Name");
  if (name === "") throw mistake(dialect, "Hostname can not be empty");
  const settings = section(object, "Settings");
  if ((field(settings, "KeyPair") ?? null) !== null) {
    throw mistake(dialect, "this backend does not support encryption");
  }
  const ocsp = section(settings, "OCSP");
  return {
    Name: name,
    Settings: {
      Default: field(settings, "Default") ?? false,
      KeyPair: null,
      ...(!isBeta(dialect) && { AutoCert: null }),
      OCSP: {
        Enabled: field(ocsp, "Enabled") ?? false,
        Period: field(ocsp, "Period") ?? "",
        Responders: field(ocsp, "Responders") ?? null,
        SkipSignatureCheck: field(ocsp, "SkipSignatureCheck") ?? false,
      },
    },
  };
}

function listenerOf(dialect: Dialect, object: Fields): Fields {
  const protocol = text(dialect, "Listener", object, "Protocol").toLowerCase();
  if (protocol !== "http" && protocol !== "https") {
    throw mistake(dialect, `unsupported protocol '${protocol}', supported protocols are http and https`);
  }
  const address = section(object, "Address");
  if (text(dialect, "Address", address, "Address") === "") throw mistake(dialect, "supply a non empty address");
  return {
    Id: text(dialect, "Listener", object, "Id"),
    Protocol: protocol,
    Address: { Network: field(address, "Network") ?? "tcp", Address: field(address, "Address") },
    Scope: field(object, "Scope") ?? "",
    ...(!isBeta(dialect) && { ProxyProtocol: field(object, "ProxyProtocol") ?? "" }),
  };
}

function backendOf(dialect: Dialect, object: Fields): Fields {
  const type = text(dialect, "Backend", object, "Type");
  if (type !== "http") throw mistake(dialect, `Unsupported backend type ${type}`);
  const id = text(dialect, "Backend", object, "Id");
  const settings = section(object, "Settings");
  const timeouts = section(settings, "Timeouts");
  const keepAlive = section(settings, "KeepAlive");
  const read = timeout(dialect, "read timeout", field(timeouts, "Read"));
  const dial = timeout(dialect, "dial timeout", field(timeouts, "Dial"));
  const tls = timeout(dialect, "tls handshake timeout", field(timeouts, "TLSHandshake"));
  const period = timeout(dialect, "keepalive period", field(keepAlive, "Period"));
  if (id === "") throw emptyId(dialect, "backend id can not be empty");
  const maxIdle = field(keepAlive, "MaxIdleConnsPerHost") ?? 0;
  return {
    Id: id,
    Type: "http",
    Settings: {
      Timeouts: { Read: read, Dial: dial, TLSHandshake: tls },
      KeepAlive: { Period: period, MaxIdleConnsPerHost: maxIdle },
    },
  };
}

function timeout(dialect: Dialect, what: string, value: unknown): string {
  if (typeof value !== "string" || value === "") return "";
  try {
    parseGoDuration(dialect, value);
  } catch (error) {
    throw mistake(dialect, `invalid ${what}: ${error instanceof Error ? error.message : ""}`);
  }
  return value;
}

function serverOf(dialect: Dialect, object: Fields): Fields {
  const id = text(dialect, "Server", object, "Id");
  const url = text(dialect, "Server", object, "URL");
  // Go's url.ParseRequestURI: an absolute URL or an absolute path, hence the poison (hazard 2).
  if (!/^(?:[A-Za-z][A-Za-z0-9+.-]*:\/|\/)/.test(url)) throw mistake(dialect, `endpoint url '${url}' is not valid`);
  return { Id: id, URL: url };
}

function frontendOf(dialect: Dialect, object: Fields): Fields {
  const type = text(dialect, "Frontend", object, "Type");
  if (type !== "http") throw mistake(dialect, `Unsupported frontend type: ${type}`);
  const id = text(dialect, "Frontend", object, "Id");
  const backend = text(dialect, "Frontend", object, "BackendId");
  if (id === "" || backend === "") throw mistake(dialect, "supply valid  route, id, and backendId");
  const route = text(dialect, "Frontend", object, "Route");
  const shown = (value: string) => (isBeta(dialect) ? "" : `: ${value}`);
  if (parseRoute(route) === null) {
    throw mistake(dialect, `route should be a valid route expression${shown(route)}`);
  }
  const settings = section(object, "Settings");
  const failover = text(dialect, "Settings", settings, "FailoverPredicate");
  if (failover !== "" && !/\b(?:IsNetworkError|ResponseCode|Attempts|RequestMethod)\b/.test(failover)) {
    throw mistake(dialect, `invalid failover predicate${shown(failover)}`);
  }
  return { Id: id, Route: route, Type: "http", BackendId: backend, Settings: frontendSettings(dialect, settings) };
}

function frontendSettings(dialect: Dialect, settings: Fields): Fields {
  const limits = section(settings, "Limits");
  const number = (from: Fields, name: string) => field(from, name) ?? 0;
  const flag = (name: string) => field(settings, name) ?? false;
  return {
    Limits: { MaxMemBodyBytes: number(limits, "MaxMemBodyBytes"), MaxBodyBytes: number(limits, "MaxBodyBytes") },
    FailoverPredicate: field(settings, "FailoverPredicate") ?? "",
    Hostname: field(settings, "Hostname") ?? "",
    TrustForwardHeader: flag("TrustForwardHeader"),
    ...(!isBeta(dialect) && {
      PassHostHeader: flag("PassHostHeader"),
      Stream: flag("Stream"),
      StreamFlushIntervalNanoSecs: number(settings, "StreamFlushIntervalNanoSecs"),
    }),
  };
}

const RATELIMIT = { PeriodSeconds: 0, Requests: 0, Burst: 0, Variable: "", RateVar: "" };

function middlewareOf(dialect: Dialect, object: Fields): Fields {
  const type = text(dialect, "Middleware", object, "Type");
  if (!["connlimit", "ratelimit", "rewrite", "cbreaker", "trace"].includes(type)) {
    throw mistake(dialect, `middleware of type ${type} is not supported`);
  }
  return {
    Id: text(dialect, "Middleware", object, "Id"),
    Priority: field(object, "Priority") ?? 0,
    Type: type,
    Middleware: { ...(type === "ratelimit" && RATELIMIT), ...section(object, "Middleware") },
  };
}

/** The collections at the top. */
export const KINDS = {
  hosts: { wrapper: "Host", plural: "Hosts", make: hostOf, key: (id: string) => `hosts/${id}/host` },
  listeners: { wrapper: "Listener", plural: "Listeners", make: listenerOf, key: (id: string) => `listeners/${id}` },
  backends: { wrapper: "Backend", plural: "Backends", make: backendOf, key: (id: string) => `backends/${id}/backend` },
  frontends: {
    ...{ wrapper: "Frontend", plural: "Frontends", make: frontendOf },
    key: (id: string) => `frontends/${id}/frontend`,
  },
} as const;
export type Kind = keyof typeof KINDS;

/** The collections inside others. */
export const MEMBERS = {
  servers: { of: "backends", wrapper: "Server", plural: "Servers", make: serverOf },
  middlewares: { of: "frontends", wrapper: "Middleware", plural: "Middlewares", make: middlewareOf },
} as const;
export type Member = keyof typeof MEMBERS;
