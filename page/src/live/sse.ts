/** Server-sent events from a fetched body: EventSource can't send a token. */

export interface ServerEvent {
  readonly event: string;
  readonly data: string;
}

/** Takes in pieces of the stream, cut anywhere, and gives what is whole. Comments are left out. */
export function createParser(): (piece: string) => readonly ServerEvent[] {
  let rest = "";
  return (piece) => {
    const frames = (rest + piece).replaceAll("\r\n", "\n").split("\n\n");
    rest = frames.pop() ?? "";
    return frames.flatMap(eventOf);
  };
}

function eventOf(frame: string): readonly ServerEvent[] {
  const field = (name: string) =>
    frame
      .split("\n")
      .filter((line) => line.startsWith(`${name}:`))
      .map((line) => line.slice(name.length + 1).replace(/^ /, ""));
  const data = field("data");
  return data.length === 0 ? [] : [{ event: field("event").at(-1) ?? "message", data: data.join("\n") }];
}
