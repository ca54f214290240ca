/** What Kong makes of a target's address (facts/kong.md §3, "Canonical form"). */

/** @returns null where it is none */
export function canonicalTarget(text: string): string | null {
  const bracketed = /^\[([^\]]+)\](?::(\d+))?$/.exec(text);
  if (bracketed !== null) return v6(bracketed[1] ?? "", bracketed[2]);
  if (text.split(":").length > 2) return v6(text, undefined);
  const [, host = "", port] = /^([A-Za-z0-9_.-]+)(?::(\d+))?$/.exec(text) ?? [];
  return host === "" || !isPort(port) ? null : `${host}:${port ?? 8000}`;
}

function v6(address: string, port: string | undefined): string | null {
  if (!URL.canParse(`http://[${address}]`) || !isPort(port)) return null;
  const compressed = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = "", tail] = compressed.split("::");
  const before = head === "" ? [] : head.split(":");
  const after = tail === undefined || tail === "" ? [] : tail.split(":");
  const zeros = tail === undefined ? [] : new Array<string>(8 - before.length - after.length).fill("0");
  const groups = [...before, ...zeros, ...after].map((group) => group.padStart(4, "0"));
  return `[${groups.join(":")}]:${port ?? 8000}`;
}

/** Port 0 is taken without a word. */
function isPort(port: string | undefined): boolean {
  return port === undefined || Number(port) <= 65_535;
}
