/**
 * A source of a simulated Muster: subscribes, lists, follows, and connects anew when its connection breaks. It keeps the
 * contract of `Source` (brackets, stamps, everything repeated in a listing) over a network that loses, delays, repeats and
 * (where the server numbers its events) reorders what the server says.
 */
import { type Content, createStamps, type Stamp } from "../../adapters/sources/stamps.ts";
import type { Fact, Source } from "../../src/model.ts";
import type { Random } from "../lab/marathon/random.ts";
import type { Machine, Process } from "./machine.ts";
import type { Listing, Path, Server, ServerEvent } from "./server.ts";
import type { Told, Worth } from "./told.ts";

export interface SourceOptions {
  readonly name: string;
  readonly machine: Machine;
  readonly process: Process;
  readonly random: Random;
  readonly server: Server;
  readonly path: Path;
  readonly audience: string | null;
  readonly told: Told;
  /** Between listings, ms. */
  readonly period: number;
  /** By the process's own wall clock, ms since the epoch. */
  now(): number;
}

export interface SimulatedSource extends Source {
  /** Since when it knows all that happened, as far as its connection goes, ms since the start of the run; null: it does not. */
  informedSince(): number | null;
  /** The connection is broken; it notices after a while, or at once. */
  cut(): void;
}

const RETRY_MS = 3_000;
const DOUBT_MS = 6_000;

export function createSimulatedSource(options: SourceOptions): SimulatedSource {
  const { name, machine, process, random, server, path, told, period } = options;
  const stamps = createStamps(name, options.now);
  const queue: (readonly [Fact, Worth])[] = [];
  let wake = () => {};
  /** Each connection has a number; what belongs to an older one is nobody's. */
  let connection = 0;
  let isListening = false;
  let unwatch = () => {};
  let lastArrival = 0;
  let failures = 0;
  let hasFailed = false;
  let blindSince: number | null = machine.now();
  let informedSince: number | null = null;
  let isListing = false;
  let hasJustLied = false;
  let cancelNext = () => {};
  const startedAt = machine.now();

  return {
    name,
    async *events(signal) {
      signal.addEventListener("abort", () => wake(), { once: true });
      connect();
      try {
        while (!signal.aborted) {
          for (let next = queue.shift(); next !== undefined && !signal.aborted; next = queue.shift()) {
            told.hear(...next);
            machine.note(`${name} ${next[0].kind} ${next[0].clock}`);
            yield next[0];
          }
          if (!signal.aborted) await new Promise<void>((resolve) => (wake = resolve));
        }
      } finally {
        close();
      }
    },
    resync: () => list(connection),
    resolve: (task) => inspect(task, connection, stamps.next("resolve")),
    informedSince: () => informedSince,
    cut() {
      blind();
      const broken = connection;
      isListening = false;
      const notices = random.chance(0.5) ? random.below(3_000) : 5;
      machine.after(notices, process, `${name} notices`, () => broken === connection && fail());
    },
  };

  function say(content: Content, stamp: Stamp, worth: Worth = "doubtful"): void {
    queue.push([stamps.fact(content, stamp), worth]);
    wake();
  }

  function blind(): void {
    blindSince ??= machine.now();
    informedSince = null;
  }

  function close(): void {
    connection++;
    isListening = false;
    unwatch();
    unwatch = () => {};
  }

  function fail(): void {
    close();
    blind();
    isListing = false;
    if (!hasFailed) say({ kind: "source", state: "disconnected", error: `${name}: away` }, stamps.next("cut"));
    hasFailed = true;
    failures++;
    const wait = Math.min(RETRY_MS, 100 * 2 ** failures) * (0.5 + random.next() / 2);
    machine.after(wait, process, `${name} reconnects`, connect);
  }

  function connect(): void {
    const own = ++connection;
    // What the one before has asked for is not heard any more.
    isListing = false;
    hop(own, "connect", () => {
      unwatch();
      unwatch = server.watch((event) => isListening && connection === own && send(event, own), options.audience);
      isListening = true;
      lastArrival = 0;
      back(own, "connected", () => {
        failures = 0;
        hasFailed = false;
        say({ kind: "source", state: "connected", error: null }, stamps.next("connected"));
        list(own);
      });
    });
  }

  /** A request on its way to the server. */
  function hop(own: number, what: string, then: () => void): void {
    machine.after(path.delay(), process, `${name} ${what}`, () => {
      if (own !== connection) return;
      if (!path.isOpen()) fail();
      else then();
    });
  }

  function back(own: number, what: string, then: () => void): void {
    hop(own, `${what} answered`, then);
  }

  function send(event: ServerEvent, own: number): void {
    const fate = path.fate();
    if (fate === "lost") blind();
    const times = { lost: 0, once: 1, twice: 2 }[fate];
    for (let time = 0; time < times; time++) {
      const inOrder = event.seq === null;
      const arrival = machine.now() + path.delay() + (inOrder ? time : disorder(time));
      lastArrival = inOrder ? Math.max(lastArrival, arrival) : arrival;
      machine.after(lastArrival - machine.now(), process, `${name} event`, () => {
        if (own !== connection) return;
        if (isListening) take(event, own);
        else blind();
      });
    }
  }

  /** Where the server numbers its events an echo may come seconds later, ms. */
  function disorder(time: number): number {
    return time * 5_000 * random.next() + 4 * path.delay() * random.next();
  }

  function take({ what, seq }: ServerEvent, own: number): void {
    if (what === "list") list(own);
    else if ("inspect" in what) inspect(what.inspect, own, stampOf(seq, "event"));
    else sayAll(what, stampOf(seq, "event"));
  }

  function sayAll(contents: readonly Content[], stamp: Stamp): void {
    for (const content of contents) say(content, stamp);
  }

  function stampOf(seq: number | null, via: string): Stamp {
    return seq === null ? stamps.next(via) : { clock: seq, at: options.now(), via };
  }

  function inspect(task: string, own: number, asked: Stamp): void {
    if (!isListening) return;
    hop(own, "inspect", () => {
      const contents = server.inspect(task);
      back(own, "inspect", () => sayAll(contents, asked));
    });
  }

  function list(own: number): void {
    if (own !== connection || isListing || !isListening) return;
    isListing = true;
    const asked = stamps.next("list");
    hop(own, "list", () => {
      const at = machine.now();
      const listing = server.list();
      back(own, "list", () => {
        isListing = false;
        answer(listing, asked, at, own);
      });
    });
  }

  function answer(listing: Listing, asked: Stamp, at: number, own: number): void {
    const { contents, trust, seq } = listing;
    const worth = worthOf(listing);
    const opening = seq === null ? asked : { ...asked, clock: seq };
    const end = seq === null ? stamps.next("list") : opening;
    say({ kind: "resync" }, opening);
    sayAll(contents, opening);
    say({ kind: "synced", floor: opening.clock, trust: worth === "doubtful" ? worth : trust }, end, worth);
    if (worth === "whole") informed(at);
    const again = worth === "whole" ? period : DOUBT_MS;
    cancelNext();
    cancelNext = machine.after(again * (1 - 0.2 * random.next()), process, `${name} lists again`, () => list(own));
  }

  /** Only Marathon's can't be trusted at first. A lie right after another one is a second look. */
  function worthOf({ isLie, trust, seq }: Listing): Worth {
    const isNews = isLie && !hasJustLied;
    hasJustLied = isLie;
    const isYoung = seq !== null && machine.now() - startedAt < DOUBT_MS;
    if (trust === "doubtful" || isYoung) return "doubtful";
    return isNews ? "lie" : "whole";
  }

  /** @param at when the listing was made */
  function informed(at: number): void {
    if (blindSince !== null && at < blindSince) return;
    blindSince = null;
    informedSince ??= machine.now();
  }
}
