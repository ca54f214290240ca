/** A server that repeats all that it was sent, as badly made proxies and error pages do: with every status, in every shape. */
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

export interface Echo extends AsyncDisposable {
  readonly url: string;
  /** Values of all headers that came, by name. */
  readonly heard: ReadonlyMap<string, ReadonlySet<string>>;
  /** Which of its answers it gives; null: one after the other. @default null */
  kind: number | null;
}

/** How many kinds of answers there are. */
export const KINDS = 8;

export async function startEcho(): Promise<Echo> {
  const heard = new Map<string, Set<string>>();
  let count = 0;
  const server = createServer((request, response) => {
    for (const [name, value] of Object.entries(request.headers)) {
      heard.set(name, (heard.get(name) ?? new Set()).add(String(value)));
    }
    request.resume();
    const { status, type, body } = answer(echo.kind ?? count++, request.headers, `${request.method} ${request.url}`);
    response.writeHead(status, { "content-type": type, "www-authenticate": firstOf(request.headers) }).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const echo: Echo = {
    url: `http://127.0.0.1:${port}`,
    heard,
    kind: null,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return echo;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

function answer(count: number, headers: IncomingHttpHeaders, what: string): Answer {
  const all = Object.values(headers).join(" ");
  const json = JSON.stringify({
    message: `${firstOf(headers)} may not ${what}`,
    error: all,
    errors: [{ message: all }],
  });
  const xml = `<ErrorResponse><Error><Code>AccessDenied</Code><Message>${escaped(all)}</Message></Error></ErrorResponse>`;
  const answers: readonly Answer[] = [
    { status: 403, type: "application/json", body: json },
    { status: 500, type: "text/plain", body: `${firstOf(headers)} ${what} ${all}` },
    { status: 200, type: "application/json", body: `${firstOf(headers)} is no JSON ${all}` },
    { status: 401, type: "text/html", body: `<h1>${escaped(firstOf(headers))}</h1>${escaped(all)}` },
    { status: 400, type: "text/xml", body: xml },
    { status: 200, type: "application/json", body: JSON.stringify(headers) },
    { status: 200, type: "application/json", body: JSON.stringify(`${firstOf(headers)} as a text`) },
    { status: 200, type: "application/json", body: JSON.stringify([firstOf(headers), all]) },
  ];
  return answers[count % KINDS] as Answer;
}

/** What a client authenticates with. */
function firstOf(headers: IncomingHttpHeaders): string {
  const own = ["x-amz-security-token", "x-consul-token", "kong-admin-token", "x-api-key", "authorization"];
  return own.flatMap((name) => headers[name] ?? []).join(" ");
}

function escaped(text: string): string {
  return text.replace(/[<>&]/g, (character) => `&#${character.charCodeAt(0)};`);
}
