/** The bearer token, kept for this tab only and until it is closed. */
const KEY = "muster.token";

export const token = {
  read: (): string | null => sessionStorage.getItem(KEY),
  write: (value: string): void => sessionStorage.setItem(KEY, value),
  forget: (): void => sessionStorage.removeItem(KEY),
};
