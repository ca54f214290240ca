import { useEffect } from "preact/hooks";
import { STATES, type State } from "../states.ts";

export interface Shortcuts {
  search(): void;
  help(): void;
  /** Only those in this state; again: all. */
  toggle(state: State): void;
  reset(): void;
}

/** Single keys, as long as nothing is being typed; dialogs keep theirs to themselves. */
export function useShortcuts(shortcuts: Shortcuts): void {
  useEffect(() => {
    function onKeyDown(event: KeyboardEvent): void {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const act = actionOf(event, shortcuts);
      if (act === null) return;
      event.preventDefault();
      act();
    }
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  });
}

function actionOf({ key, target }: KeyboardEvent, { search, help, toggle, reset }: Shortcuts): (() => void) | null {
  if (key === "Escape") return reset;
  if (target instanceof HTMLInputElement) return null;
  if (key === "/") return search;
  if (key === "?") return help;
  const state = STATES[Number(key) - 1];
  return state === undefined ? null : () => toggle(state);
}
