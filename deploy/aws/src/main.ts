/** `node dist/main.js` writes swarm.template; with `--check` it only says whether that is current. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { App, BootstraplessSynthesizer } from "aws-cdk-lib";
import { SwarmStack, type SwarmStackProps } from "./stack.ts";

const TEMPLATE = new URL("../swarm.template", import.meta.url);
const POLICY = new URL("../iam-policy.json", import.meta.url);
const SOURCES = new URL("../src/", import.meta.url);
const LOCK = new URL("../package-lock.json", import.meta.url);

/** Of all that the template is made from, so that a test without CDK can tell whether it is current. */
function fingerprint(): string {
  const sources = readdirSync(SOURCES)
    .sort()
    .map((name) => new URL(name, SOURCES));
  const hash = createHash("sha256");
  for (const file of [...sources, POLICY, LOCK]) hash.update(readFileSync(file));
  return hash.digest("hex");
}

const policy = JSON.parse(readFileSync(POLICY, "utf8")) as SwarmStackProps["policy"];
const app = new App({ analyticsReporting: false });
const stack = new SwarmStack(app, "MusterSwarm", {
  policy,
  description: "A Docker swarm behind an Application Load Balancer whose targets are kept by Muster",
  // Neither a bucket nor a role has to be made in the account beforehand.
  synthesizer: new BootstraplessSynthesizer(),
});
stack.templateOptions.metadata = { SourcesSha256: fingerprint() };
const template = `${JSON.stringify(app.synth().getStackByName(stack.stackName).template, null, 1)}\n`;

if (!process.argv.includes("--check")) writeFileSync(TEMPLATE, template);
else if (readFileSync(TEMPLATE, "utf8") !== template) {
  process.stderr.write("swarm.template is not current: npm run synth\n");
  process.exitCode = 1;
}
