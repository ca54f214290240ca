/** Completion for bash 4 and later. Pure. */
import { type CompletedCommand, flattened } from "./tree.ts";
import { fileFlags, flagsOf, pathPattern, quoted, valueFlags } from "./words.ts";

export function bashCompletion(program: CompletedCommand): string {
  const commands = flattened(program);
  const name = program.name;
  return `# bash completion for ${name}: source <(${name} completion bash)
_${name}() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} at="" word i
  COMPREPLY=()
  # bash takes --option=value apart
  if [[ $current == "=" ]]; then current=""; elif [[ $previous == "=" ]]; then previous=\${COMP_WORDS[COMP_CWORD-2]}; fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    case "$word" in
      ${valueFlags(commands).join("|")}) ((i++)); [[ \${COMP_WORDS[i]} == "=" ]] && ((i++)); continue ;;
    esac
    case "$at/$word" in
      ${pathPattern(commands)}) at="$at/$word" ;;
    esac
  done
  case "$previous" in
    ${fileFlags(commands).join("|")}) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current"); return ;;
    ${valueFlags(commands)
      .filter((flag) => !fileFlags(commands).includes(flag))
      .join("|")}) return ;;
  esac
  local options="" words="" files=""
  case "$at" in
${commands.map(branch).join("\n")}
  esac
  if [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$options" -- "$current")
  else
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
    if [[ -n $files ]]; then
      compopt -o filenames
      mapfile -t -O "\${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$current")
    fi
  fi
}
complete -F _${name} ${name}
`;
}

function branch({ path, options, commands, choices, takes }: CompletedCommand): string {
  const words = [...commands.map(({ name }) => name), ...choices].join(" ");
  const files = takes === "file" ? " files=yes" : "";
  return `    ${quoted(path)}) options=${quoted(flagsOf(options).join(" "))} words=${quoted(words)}${files} ;;`;
}
