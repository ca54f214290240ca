/** Linux signals, by number whatever system Muster runs on: the engine's containers are Linux. Pure. */
const NUMBERS: Readonly<Record<string, number>> = {
  HUP: 1,
  INT: 2,
  QUIT: 3,
  ILL: 4,
  TRAP: 5,
  ABRT: 6,
  BUS: 7,
  FPE: 8,
  KILL: 9,
  USR1: 10,
  SEGV: 11,
  USR2: 12,
  PIPE: 13,
  ALRM: 14,
  TERM: 15,
  STKFLT: 16,
  CHLD: 17,
  CONT: 18,
  STOP: 19,
  TSTP: 20,
  TTIN: 21,
  TTOU: 22,
  URG: 23,
  XCPU: 24,
  XFSZ: 25,
  VTALRM: 26,
  PROF: 27,
  WINCH: 28,
  IO: 29,
  PWR: 30,
  SYS: 31,
  RTMIN: 34,
  RTMAX: 64,
};
const TERM = 15;
const KILL = 9;

/** Reads `15`, `TERM`, `SIGTERM`, `SIGRTMIN+3` (systemd's stop signal); null if it is none of those. */
export function signalNumber(text: string): number | null {
  if (/^\d{1,2}$/.test(text)) return Number(text);
  const match = /^(?:SIG)?([A-Z0-9]+?)(?:([+-]\d{1,2}))?$/.exec(text.toUpperCase());
  const base = NUMBERS[match?.[1] ?? ""];
  return base === undefined ? null : base + Number(match?.[2] ?? 0);
}

/**
 * Whether a signal means that the container is going down; SIGHUP, say, does not (facts/docker-swarm.md §2).
 * @param stopSignal the container's own; null: not set, or not known
 */
export function isStop(signal: number, stopSignal: number | null): boolean {
  return signal === KILL || signal === (stopSignal ?? TERM);
}
