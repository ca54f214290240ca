/** The query protocol's two halves: a form in, XML out. */

export type Xml = string | number | boolean | undefined | readonly Xml[] | { readonly [name: string]: Xml };

const NAMESPACE = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/";

/** `<ActionResponse><ActionResult>…`, as AWS frames what an action gives. */
export function answerXml(action: string, result: Xml, requestId: string): string {
  const body = element(`${action}Result`, result) + element("ResponseMetadata", { RequestId: requestId });
  return `<${action}Response xmlns="${NAMESPACE}">${body}</${action}Response>`;
}

export function errorXml(code: string, message: string, status: number, requestId: string): string {
  const error = { Type: status >= 500 ? "Receiver" : "Sender", Code: code, Message: message };
  return `<ErrorResponse xmlns="${NAMESPACE}">${element("Error", error)}${element("RequestId", requestId)}</ErrorResponse>`;
}

function element(name: string, value: Xml): string {
  if (value === undefined) return "";
  return `<${name}>${content(value)}</${name}>`;
}

function content(value: Exclude<Xml, undefined>): string {
  if (isList(value)) return value.map((each) => element("member", each)).join("");
  if (typeof value !== "object") return escaped(String(value));
  return Object.entries(value)
    .map(([name, each]) => element(name, each))
    .join("");
}

function isList(value: Xml): value is readonly Xml[] {
  return Array.isArray(value);
}

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

/** A request's parameters, with lists as AWS numbers them: `Targets.member.1.Id`. */
export interface Form {
  text(name: string): string | undefined;
  number(name: string): number | undefined;
  texts(list: string): readonly string[];
  /** The items of a list, each a form of its own. */
  items(list: string): readonly Form[];
}

export function readForm(body: string, prefix = ""): Form {
  const all = new URLSearchParams(body);
  return {
    text: (name) => all.get(prefix + name) ?? undefined,
    number(name) {
      const text = all.get(prefix + name);
      return text === null ? undefined : Number(text);
    },
    texts: (list) => numbers(all, prefix + list).map((n) => all.get(`${prefix}${list}.member.${n}`) ?? ""),
    items: (list) => numbers(all, prefix + list).map((n) => readForm(body, `${prefix}${list}.member.${n}.`)),
  };
}

function numbers(all: URLSearchParams, list: string): readonly number[] {
  const start = `${list}.member.`;
  const found = [...all.keys()].filter((key) => key.startsWith(start));
  return [...new Set(found.map((key) => Number.parseInt(key.slice(start.length), 10)))].sort((a, b) => a - b);
}
