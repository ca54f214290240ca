/** Completion for fish 3 and later. Pure. */
import { type CompletedCommand, type CompletedOption, flattened } from "./tree.ts";
import { valueFlags } from "./words.ts";

export function fishCompletion(program: CompletedCommand): string {
  const commands = flattened(program);
  const name = program.name;
  const paths = commands.flatMap(({ path }) => (path === "" ? [] : [quoted(path)]));
  return `# fish completion for ${name}: ${name} completion fish | source
function __${name}_at
  set -l at ""
  set -l skip no
  for word in (commandline -opc)[2..]
    if test $skip = yes
      set skip no
      continue
    end
    if contains -- $word ${valueFlags(commands).join(" ")}
      set skip yes
      continue
    end
    if contains -- "$at/$word" ${paths.join(" ")}
      set at "$at/$word"
    end
  end
  echo "$at"
end
complete -c ${name} -f
${commands.flatMap((command) => linesOf(command, name)).join("\n")}
`;
}

function linesOf({ path, options, commands, choices, takes }: CompletedCommand, name: string): readonly string[] {
  const start = `complete -c ${name} -n ${quoted(`test (__${name}_at) = "${path}"`)}`;
  return [
    ...commands.map((each) => `${start} -a ${quoted(each.name)} -d ${quoted(each.description)}`),
    ...choices.map((choice) => `${start} -a ${quoted(choice)}`),
    ...(takes === "file" ? [`${start} -F`] : []),
    ...options.map((option) => `${start} ${flags(option)} -d ${quoted(option.description)}`),
  ];
}

function flags({ flags: all, takes, isOptional }: CompletedOption): string {
  const names = all.map((flag) => (flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
  const value = takes === "file" ? ["-r", "-F"] : takes === "value" && !isOptional ? ["-x"] : [];
  return [...names, ...value].join(" ");
}

function quoted(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
