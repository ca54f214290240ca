/** docs/reference/labels.md: every label that is understood, with what it takes, as its own parser says. */
import type { Meaning } from "../../src/labels/layers.ts";
import { interpretMuster, MUSTER_KEYS } from "../../src/labels/muster.ts";
import { interpretRegistrator, REGISTRATOR_ATTRIBUTES } from "../../src/labels/registrator.ts";
import { ABOUT, REGISTRATOR_ABOUT } from "./label-words.ts";
import { code, page, section, table } from "./markdown.ts";

const INTRODUCTION = `On a container, a Swarm service, a Marathon app or its port definition. \`muster.KEY\` is about all ports of a task,
\`muster.PORT.KEY\` about one container port (\`muster.9090.name=admin\`) and beats it. A container's label beats its service's, a port
definition's its app's. An empty value takes back what a weaker label says.

What can't be understood is dropped with a note that \`muster explain\` shows, and harms nothing else. What looks like a secret is never
registered.`;

const REGISTRATOR = `Registrator's labels and environment variables are understood as well, below Muster's own: \`SERVICE_ATTRIBUTE\` for all ports,
\`SERVICE_PORT_ATTRIBUTE\` for one. Any other attribute of a label is a meta pair, in lower case; of the environment only where its name can't be a secret's.`;

export function labelsPage(): string {
  const own = MUSTER_KEYS.map((key) => [
    code(`muster.${key}`),
    expectedBy(interpretMuster(`muster.${key}`)),
    about(ABOUT, key),
  ]);
  const theirs = REGISTRATOR_ATTRIBUTES.map((attribute) => {
    const label = `SERVICE_${attribute.toUpperCase()}`;
    return [code(label), expectedBy(interpretRegistrator(label, () => false)), about(REGISTRATOR_ABOUT, attribute)];
  });
  const heading = ["label", "value", "what it does"];
  return page("Label reference", INTRODUCTION, [
    section(
      "Muster's own",
      table([heading, ...own, [code("muster.meta.KEY"), "text of at most 512 bytes", ABOUT["meta.KEY"] ?? ""]]),
    ),
    section("Registrator's", REGISTRATOR, table([heading, ...theirs])),
  ]);
}

function about(words: Readonly<Record<string, string>>, key: string): string {
  const text = words[key];
  if (text === undefined) throw new Error(`docs/generate/label-words.ts says nothing of ${key}`);
  return text;
}

/** No parser takes it. */
const NONSENSE = "\u0001";

function expectedBy(meaning: Meaning | null): string {
  if (meaning === null || !("rule" in meaning)) throw new Error("the label is not understood");
  const [fault] = meaning.rule.read(NONSENSE).faults;
  return fault === undefined
    ? "on, unless it says `false`"
    : fault.reason.replace(/^expected /, "").replace(/; (no route is made|it joins no target group)$/, "; else $1");
}
