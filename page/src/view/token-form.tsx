import { token } from "../live/token.ts";

interface TokenFormProps {
  /** In the API's words. */
  readonly error: string | null;
  onToken(): void;
}

/** Beyond loopback the API wants a token. */
export function TokenForm({ error, onToken }: TokenFormProps) {
  const isRefused = token.read() !== null;
  function onSubmit(event: SubmitEvent): void {
    event.preventDefault();
    const value = new FormData(event.currentTarget as HTMLFormElement).get("token");
    if (typeof value !== "string" || value.trim() === "") return;
    token.write(value.trim());
    onToken();
  }
  return (
    <form class="token" onSubmit={onSubmit}>
      <h1>This Muster asks for its token</h1>
      <p class="muted">
        It is what the file at http.tokenFile holds. It stays in this tab and is forgotten when you close it.
      </p>
      {isRefused && (
        <p class="error" role="alert">
          That token was not taken. {error}
        </p>
      )}
      <label>
        Token
        <input name="token" type="password" autocomplete="off" spellcheck={false} autofocus required />
      </label>
      <button type="submit" class="button">
        Look
      </button>
    </form>
  );
}
