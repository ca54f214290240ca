/** The other half of the seeds, beside `sim.test.ts`, for the other core. */
import "./globals.ts";
import { describe } from "vitest";
import { secondHalf, testSeeds } from "./seeds.ts";

describe("simulation, second half", () => testSeeds(secondHalf));
