import { isIP } from "node:net";

/** As Consul keeps it: UTF-8. A lone surrogate can't be written in that and would come back as U+FFFD, as drift for ever. */
export function wellFormed(text: string): string {
  return Buffer.from(text, "utf8").toString("utf8");
}

export function bytes(text: string): number {
  return Buffer.byteLength(text, "utf8");
}

/** For messages: one line, short, and not to be mistaken for the words around it. */
export function quoted(text: string): string {
  return JSON.stringify(text.length <= 60 ? text : `${text.slice(0, 57)}...`);
}

/** Whether others could connect to it: an IP address of one machine, or a host name. */
export function isHost(text: string): boolean {
  return text !== "0.0.0.0" && text !== "::" && (isIP(text) !== 0 || isHostName(text));
}

function isHostName(text: string): boolean {
  return text.length <= 253 && /^[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_.])?$/.test(text);
}
