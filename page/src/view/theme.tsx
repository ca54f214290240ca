import { useEffect, useState } from "preact/hooks";

const KEY = "muster.theme";
const THEMES = ["auto", "light", "dark"] as const;
type Theme = (typeof THEMES)[number];

function stored(): Theme {
  return THEMES.find((theme) => theme === localStorage.getItem(KEY)) ?? "auto";
}

/** Before anything is drawn, so that nothing flashes. */
export function applyTheme(theme: Theme = stored()): void {
  document.documentElement.dataset["theme"] = theme;
}

const MARKS: Readonly<Record<Theme, string>> = {
  auto: "M8 1.5a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13ZM8 3v10A5 5 0 0 0 8 3Z",
  light:
    "M8 4.5a3.5 3.5 0 1 1 0 7 3.5 3.5 0 0 1 0-7ZM7.3 0h1.4v2.6H7.3zM7.3 13.4h1.4V16H7.3zM0 7.3h2.6v1.4H0zM13.4 7.3H16v1.4h-2.6z",
  dark: "M13.8 10.3A6.3 6.3 0 0 1 5.7 2.2 6.3 6.3 0 1 0 13.8 10.3Z",
};

export function ThemeButton() {
  const [theme, setTheme] = useState(stored);
  useEffect(() => {
    applyTheme(theme);
    localStorage.setItem(KEY, theme);
  }, [theme]);
  const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? "auto";
  return (
    <button type="button" class="icon-button" onClick={() => setTheme(next)} title={`Colours: ${theme}; next: ${next}`}>
      <svg viewBox="0 0 16 16" aria-hidden="true" focusable="false">
        <path fill-rule="evenodd" d={MARKS[theme]} />
      </svg>
      <span class="sr">Colours: {theme}</span>
    </button>
  );
}
