/** The Admin API's refusals, with its codes (facts/kong.md §2). */

/** A refusal or failure: `body` is what the Admin API answers with. */
export class Refusal extends Error {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;

  constructor(status: number, body: Readonly<Record<string, unknown>>) {
    super(String(body["message"]));
    this.status = status;
    this.body = body;
  }
}

export function notFound(): Refusal {
  return new Refusal(404, { message: "Not found" });
}

export function methodNotAllowed(): Refusal {
  return new Refusal(405, { message: "Method not allowed" });
}

export function unexpected(): Refusal {
  return new Refusal(500, { message: "An unexpected error occurred" });
}

/** Field → message; an array for elements, with holes, or for `@entity`. */
export type Violations = Record<string, string | (string | null)[]>;

export function schemaViolation(fields: Violations): Refusal {
  const lines = Object.entries(fields).flatMap(([field, said]) => {
    if (typeof said === "string") return [`${field}: ${said}`];
    if (field.startsWith("@")) return said.map(String);
    return said.flatMap((each, index) => (each === null ? [] : [`${field}.${index + 1}: ${each}`]));
  });
  const count = lines.length === 1 ? "schema violation" : `${lines.length} schema violations`;
  const message = `${count} (${lines.sort(byText).join("; ")})`;
  return new Refusal(400, { message, fields, code: 2, name: "schema violation" });
}

function byText(a: string, b: string): number {
  return a < b ? -1 : 1;
}

export function primaryKeyViolation(id: string): Refusal {
  const message = `primary key violation on key '{id="${id}"}'`;
  return new Refusal(400, { message, fields: { id }, code: 3, name: "primary key violation" });
}

export function uniqueViolation(key: string, fields: object): Refusal {
  const message = `UNIQUE violation detected on '{${key}}'`;
  return new Refusal(409, { message, fields, code: 5, name: "unique constraint violation" });
}

export function foreignKeyViolation(message: string, fields: object): Refusal {
  return new Refusal(400, { message, fields, code: 4, name: "foreign key violation" });
}

export function noSuchEntity(field: string, value: string): Refusal {
  const message = `could not find the entity with '{${field}="${value}"}'`;
  return new Refusal(404, { message, fields: { [field]: value }, code: 6, name: "not found" });
}

export function invalidName(name: string, isOld: boolean): Refusal {
  const rule = isOld
    ? "it must only contain alphanumeric and '., -, _, ~' characters"
    : "the only accepted ascii characters are alphanumerics or ., -, _, and ~";
  return new Refusal(400, { message: `invalid value '${name}': ${rule}`, name: "invalid unique name", code: 10 });
}

export function invalidSize(message: string): Refusal {
  return new Refusal(400, { message, name: "invalid size", code: 9 });
}

export function invalidOffset(offset: string): Refusal {
  const message = `'${offset}' is not a valid offset: bad json encoding`;
  return new Refusal(400, { message, name: "invalid offset", code: 7 });
}

export function invalidTags(): Refusal {
  const message = "invalid option (tags: invalid filter syntax)";
  return new Refusal(400, { message, options: { tags: "invalid filter syntax" }, code: 11, name: "invalid options" });
}

export function unsupported(message: string): Refusal {
  return new Refusal(405, { message, code: 12, name: "operation unsupported" });
}
