/** A collector as far as an exporter sees it: takes OTLP over HTTP as JSON, and can be slow or refuse. */
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

/** A span as OTLP has it, its attributes flattened; times in ns as text. */
export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly links?: readonly { readonly spanId: string }[];
  readonly status: { readonly code: number; readonly message?: string };
  /** Of the resource that it came with. */
  readonly resource: Readonly<Record<string, unknown>>;
}

export interface OtlpReceiver extends AsyncDisposable {
  readonly url: string;
  readonly spans: ReceivedSpan[];
  /** Each request: path, headers and body as it came. */
  readonly requests: { readonly path: string; readonly headers: IncomingMessage["headers"]; readonly body: Buffer }[];
  /** Never: requests are taken and not answered. @default 200 */
  answer: number | "never";
}

interface KeyValue {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}
type RawSpan = Omit<ReceivedSpan, "attributes" | "resource"> & { readonly attributes: readonly KeyValue[] };
interface Raw {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] };
    readonly scopeSpans: readonly { readonly spans: readonly RawSpan[] }[];
  }[];
}

export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    receiver.requests.push({ path: request.url ?? "", headers: request.headers, body });
    if (receiver.answer === "never") return;
    const isJson = request.headers["content-type"] === "application/json";
    if (receiver.answer === 200 && isJson) receiver.spans.push(...spansOf(JSON.parse(body.toString()) as Raw));
    response.writeHead(receiver.answer, { "content-type": request.headers["content-type"] }).end(isJson ? "{}" : "");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const receiver: OtlpReceiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans: [],
    requests: [],
    answer: 200,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return receiver;
}

function spansOf({ resourceSpans }: Raw): readonly ReceivedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({ ...span, attributes: flat(span.attributes), resource: flat(resource.attributes) })),
    ),
  );
}

function flat(attributes: readonly KeyValue[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, Object.values(value)[0]]));
}
