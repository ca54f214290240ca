/** Completion for zsh. Pure. */
import { type CompletedCommand, flattened } from "./tree.ts";
import { fileFlags, pathPattern, quoted, valueFlags } from "./words.ts";

export function zshCompletion(program: CompletedCommand): string {
  const commands = flattened(program);
  const name = program.name;
  const plain = valueFlags(commands).filter((flag) => !fileFlags(commands).includes(flag));
  return `#compdef ${name}
# zsh completion for ${name}: source <(${name} completion zsh), or a file _${name} in a folder of $fpath
_${name}() {
  local at="" word skip=""
  for word in "\${(@)words[2,CURRENT-1]}"; do
    if [[ -n $skip ]]; then skip=""; continue; fi
    case "$word" in
      ${valueFlags(commands).join("|")}) skip=yes; continue ;;
    esac
    case "$at/$word" in
      ${pathPattern(commands)}) at="$at/$word" ;;
    esac
  done
  case "\${words[CURRENT-1]}" in
    ${fileFlags(commands).join("|")}) _files; return ;;
    ${plain.join("|")}) return ;;
  esac
  local -a options entries
  local files=""
  case "$at" in
${commands.map(branch).join("\n")}
  esac
  if [[ $PREFIX == -* ]]; then
    _describe option options
  else
    (( \${#entries} )) && _describe command entries
    [[ -n $files ]] && _files
  fi
}
if [[ $funcstack[1] == _${name} ]]; then _${name} "$@"; else compdef _${name} ${name}; fi
`;
}

function branch({ path, options, commands, choices, takes }: CompletedCommand): string {
  const described = options.flatMap(({ flags, description }) => flags.map((flag) => quoted(`${flag}:${description}`)));
  const entries = [
    ...commands.map(({ name, description }) => quoted(`${name}:${description}`)),
    ...choices.map((choice) => quoted(choice)),
  ];
  const files = takes === "file" ? "\n      files=yes" : "";
  return `    ${quoted(path)})
      options=(${described.join(" ")})
      entries=(${entries.join(" ")})${files} ;;`;
}
