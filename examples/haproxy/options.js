// @ts-check
/**
 * The options, checked when Muster starts and by `muster config check`. Muster takes any Standard Schema
 * (https://standardschema.dev): valibot, zod and arktype make one of these; this one needs no package.
 */

/**
 * @typedef {object} Options
 * @property {string} socket where HAProxy's runtime API listens, with `level admin`: a path, or `host:port`
 * @property {readonly string[] | null} services only these; null: all
 * @property {string} server what else each server gets, as on a `server` line, e.g. `check inter 1s`
 * @property {number} timeout ms for an answer
 */

const DEFAULTS = { services: null, server: "", timeout: 5000 };

/** @type {Readonly<Record<keyof Options, { readonly is: (value: unknown) => boolean, readonly expected: string }>>} */
const KEYS = {
  socket: {
    is: (value) => typeof value === "string" && /^(\/.+|.+:\d{1,5})$/.test(value),
    expected: "a path such as /run/haproxy/admin.sock, or HOST:PORT",
  },
  services: {
    is: (value) => value === null || (Array.isArray(value) && value.every((item) => typeof item === "string")),
    expected: "a list of names; leave it out for all services",
  },
  server: {
    is: (value) => typeof value === "string" && !/[;\p{Cc}]/u.test(value),
    expected: "parameters in one line without ';', such as check inter 1s",
  },
  timeout: {
    is: (value) => Number.isInteger(value) && Number(value) > 0,
    expected: "a whole number of milliseconds above 0",
  },
};

/** @param {unknown} given @returns {{ readonly message: string, readonly path: readonly string[] }[]} */
function problemsOf(given) {
  const unknown = Object.keys(Object(given))
    .filter((key) => !Object.hasOwn(KEYS, key))
    .map((key) => ({ path: [key], message: `no such option; known are ${Object.keys(KEYS).join(", ")}` }));
  const values = { ...DEFAULTS, ...Object(given) };
  const wrong = Object.entries(KEYS)
    .filter(([key, { is }]) => !is(values[key]))
    .map(([key, { expected }]) => ({
      path: [key],
      message: `expected ${expected}; got ${JSON.stringify(values[key]) ?? "nothing"}`,
    }));
  return [...unknown, ...wrong];
}

export const options = {
  "~standard": {
    version: 1,
    vendor: "haproxy-example",
    /** @param {unknown} given */
    validate(given) {
      const issues = problemsOf(given);
      return issues.length > 0 ? { issues } : { value: { ...DEFAULTS, ...Object(given) } };
    },
  },
};
