/** A registry whose name is gone keeps no other from connecting: threads that look names up are few (adapters/lookup.ts). */
import type { LookupFunction } from "node:net";
import { expect, it } from "vitest";
import { createSharedLookup } from "../../adapters/lookup.ts";

type Answer = Parameters<LookupFunction>[2];

function createNames() {
  const asked: { readonly hostname: string; readonly answer: Answer }[] = [];
  const lookup = createSharedLookup((hostname, _options, answer) => void asked.push({ hostname, answer }));
  const answers: string[] = [];
  return {
    asked,
    answers,
    look: (hostname: string, options = {}) =>
      lookup(hostname, options, (error, address) => void answers.push(error?.message ?? String(address))),
  };
}

it("looks a name up once for all that wait for it, and again for those that come later", () => {
  const names = createNames();
  for (let count = 0; count < 50; count++) names.look("gone.example");
  names.look("other.example");
  expect(names.asked.map(({ hostname }) => hostname)).toEqual(["gone.example", "other.example"]);

  names.asked[1]?.answer(null, "10.0.0.2", 4);
  expect(names.answers).toEqual(["10.0.0.2"]);
  names.asked[0]?.answer(new Error("ENOTFOUND"), "", 4);
  expect(names.answers).toHaveLength(51);
  expect(names.answers.slice(1).every((answer) => answer === "ENOTFOUND")).toBe(true);

  names.look("gone.example");
  expect(names.asked).toHaveLength(3);
});

it("keeps questions apart that may have other answers", () => {
  const names = createNames();
  names.look("a.example", { family: 4 });
  names.look("a.example", { family: 6 });
  names.look("a.example", { all: true, family: 4 });
  names.look("a.example", { family: 4, all: true });
  expect(names.asked).toHaveLength(3);
});
