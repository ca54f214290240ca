import { createSocket } from "node:dgram";
import { once } from "node:events";
import { createServer } from "node:net";

const given = new Set<number>();

/**
 * Finds ports that nobody uses on 127.0.0.1, TCP or UDP, and never gives the same one twice in this process. They are
 * below the range from which the kernel takes ports for outgoing connections, so a stopped server finds its port free
 * again. Two processes may still, rarely, choose the same: whoever starts a server tries again then.
 */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = 20_000 + Math.floor(Math.random() * 12_000);
    if (given.has(port)) continue;
    given.add(port);
    if (await isFree(port)) ports.push(port);
  }
  return ports;
}

async function isFree(port: number): Promise<boolean> {
  const tcp = createServer();
  const udp = createSocket("udp4");
  try {
    tcp.listen(port, "127.0.0.1");
    await once(tcp, "listening");
    udp.bind(port, "127.0.0.1");
    await once(udp, "listening");
    return true;
  } catch {
    return false;
  } finally {
    tcp.close();
    udp.close();
  }
}
