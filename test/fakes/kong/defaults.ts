/** The fields of each kind with their defaults, by version, as recorded (fixtures/kong). */
import type { Kind } from "./store.ts";
import { isAtLeast } from "./version.ts";

type Fields = Readonly<Record<string, unknown>>;

export function defaultsOf(kind: Kind, version: string): Fields {
  switch (kind) {
    case "upstreams":
      return upstream(version);
    case "services":
      return service(version);
    case "routes":
      return route(version);
    default:
      return kind satisfies never;
  }
}

function upstream(version: string): Fields {
  const isNew = isAtLeast(version, "3.0.0");
  return {
    algorithm: "round-robin",
    client_certificate: null,
    hash_fallback: "none",
    hash_fallback_header: null,
    hash_on: "none",
    hash_on_cookie: null,
    hash_on_cookie_path: "/",
    hash_on_header: null,
    healthchecks: healthchecks(isNew),
    host_header: null,
    name: null,
    slots: 10_000,
    tags: null,
    ...(isNew && {
      hash_fallback_query_arg: null,
      hash_fallback_uri_capture: null,
      hash_on_query_arg: null,
      hash_on_uri_capture: null,
      use_srv_name: false,
    }),
  };
}

function healthchecks(isNew: boolean): Fields {
  return {
    threshold: 0,
    active: {
      concurrency: 10,
      ...(isNew && { headers: null }),
      healthy: { http_statuses: [200, 302], interval: 0, successes: 0 },
      http_path: "/",
      https_sni: null,
      https_verify_certificate: true,
      timeout: 1,
      type: "http",
      unhealthy: {
        http_failures: 0,
        http_statuses: [429, 404, 500, 501, 502, 503, 504, 505],
        interval: 0,
        tcp_failures: 0,
        timeouts: 0,
      },
    },
    passive: {
      healthy: {
        http_statuses: [200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 300, 301, 302, 303, 304, 305, 306, 307, 308],
        successes: 0,
      },
      type: "http",
      unhealthy: { http_failures: 0, http_statuses: [429, 500, 503], tcp_failures: 0, timeouts: 0 },
    },
  };
}

function service(version: string): Fields {
  return {
    ca_certificates: null,
    client_certificate: null,
    connect_timeout: 60_000,
    ...(isAtLeast(version, "2.7.0") && { enabled: true }),
    host: null,
    name: null,
    path: null,
    port: 80,
    protocol: "http",
    read_timeout: 60_000,
    retries: 5,
    tags: null,
    tls_verify: null,
    tls_verify_depth: null,
    write_timeout: 60_000,
  };
}

function route(version: string): Fields {
  return {
    destinations: null,
    headers: null,
    hosts: null,
    https_redirect_status_code: 426,
    methods: null,
    name: null,
    path_handling: "v0",
    paths: null,
    preserve_host: false,
    protocols: ["http", "https"],
    regex_priority: 0,
    ...(isAtLeast(version, "2.2.0") && { request_buffering: true, response_buffering: true }),
    service: null,
    snis: null,
    sources: null,
    strip_path: true,
    tags: null,
  };
}
