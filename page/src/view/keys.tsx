import { useEffect, useRef } from "preact/hooks";

const KEYS = [
  ["/", "search"],
  ["↑ ↓  Page  Home End", "walk through the rows"],
  ["→ ←", "open and close a service"],
  ["Enter", "open a service, or an instance’s time line"],
  ["1 2 3 4", "only failed, pending, draining, registered"],
  ["Esc", "close, or show all again"],
  ["?", "this list"],
] as const;

export function Keys({ onClose }: { readonly onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog
      class="keys"
      ref={dialog}
      aria-labelledby="keys-title"
      onClose={onClose}
      onKeyDown={(event) => event.stopPropagation()}
    >
      <h2 id="keys-title">Keys</h2>
      <dl>
        {KEYS.map(([keys, what]) => (
          <div class="key" key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <button type="button" class="button" onClick={() => dialog.current?.close()}>
        Close
      </button>
    </dialog>
  );
}
