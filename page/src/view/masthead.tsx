import type { Known } from "../live/store.ts";
import { Glyph } from "./glyph.tsx";
import { ThemeButton } from "./theme.tsx";

const WORDS = { connecting: "connecting", live: "live", lost: "reconnecting", locked: "locked" } as const;
const SHAPES = { connecting: "pending", live: "registered", lost: "failed", locked: "none" } as const;

export function Masthead({ known, onHelp }: { readonly known: Known; readonly onHelp: () => void }) {
  const { connection, error } = known;
  return (
    <header class="masthead">
      <p class="brand">
        <img src="/page/icon.svg" alt="" width="22" height="22" />
        Muster
      </p>
      <p class={`connection is-${connection}`} title={error ?? undefined}>
        <Glyph state={SHAPES[connection]} />
        {WORDS[connection]}
        {connection === "lost" && <span class="connection-error">: {error}</span>}
      </p>
      <ThemeButton />
      <button type="button" class="icon-button" onClick={onHelp} title="Keys (?)" aria-keyshortcuts="?">
        <span aria-hidden="true">?</span>
        <span class="sr">Keys</span>
      </button>
    </header>
  );
}
