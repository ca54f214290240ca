import { createSocket } from "node:dgram";
import { networkInterfaces } from "node:os";

/** This machine's address: of its default route, else of any interface, else loopback. */
export async function machineAddress(): Promise<string> {
  return (await defaultRouteAddress()) ?? anyAddress();
}

/**
 * The address with which this machine would speak to the world: connecting a UDP socket picks the route and sends
 * nothing. 192.0.2.1 and 2001:db8::1 are set aside for documentation (RFC 5737, RFC 3849).
 * @returns null without a default route
 */
async function defaultRouteAddress(): Promise<string | null> {
  return (await sourceAddress("udp4", "192.0.2.1")) ?? (await sourceAddress("udp6", "2001:db8::1"));
}

function sourceAddress(type: "udp4" | "udp6", target: string): Promise<string | null> {
  const socket = createSocket(type);
  return new Promise((resolve) => {
    socket.once("error", () => finish(null));
    socket.connect(9, target, () => finish(socket.address().address));
    function finish(address: string | null): void {
      socket.close();
      resolve(address);
    }
  });
}

function anyAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const outer = all.filter(({ internal }) => !internal);
  return (outer.find(({ family }) => family === "IPv4") ?? outer[0])?.address ?? "127.0.0.1";
}
