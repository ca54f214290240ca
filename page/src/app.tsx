/** The status page: what Muster knows, live. It only reads. */
import { render } from "preact";
import { serverNow } from "./live/api.ts";
import { follow } from "./live/follow.ts";
import { createStore } from "./live/store.ts";
import { Page } from "./view/page.tsx";
import { applyTheme } from "./view/theme.tsx";

applyTheme();
const store = createStore(serverNow());

function start(): void {
  store.set({ connection: "connecting", error: null });
  void follow(store, new AbortController().signal);
}

const root = document.getElementById("app");
if (root !== null) render(<Page store={store} onToken={start} />, root);
start();
