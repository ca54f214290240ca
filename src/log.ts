import { destination, pino } from "pino";
import type { Logger } from "./model.ts";

/** JSON lines on standard error; standard output belongs to commands' answers. */
export function createLog(level: string): Logger {
  return pino(
    { level, base: null, timestamp: () => `,"time":"${new Date().toISOString()}"` },
    destination({ fd: 2, sync: true }),
  );
}
