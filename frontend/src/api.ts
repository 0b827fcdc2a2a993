/** The site's small JSON calls: CSRF on every POST, a time-out on every wait, errors as sentences. */

const TIMEOUT = 8000; // ms: longer than any healthy answer, shorter than a person's patience

export async function get<T>(path: string): Promise<T> {
  return call<T>(path, { headers: { Accept: "application/json" } });
}

export async function post<T>(path: string, body: object = {}): Promise<T> {
  const token = document.querySelector<HTMLMetaElement>('meta[name="csrf-token"]')?.content ?? "";
  return call<T>(path, {
    method: "POST",
    headers: {
      Accept: "application/json",
      "Content-Type": "application/json",
      "X-CSRFToken": token,
    },
    body: JSON.stringify(body),
  });
}

async function call<T>(path: string, init: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, { ...init, signal: AbortSignal.timeout(TIMEOUT) });
  } catch {
    throw new Error("The server cannot be reached. Check your connection and try again.");
  }
  const data: unknown = await response.json().catch(() => null);
  if (!response.ok) throw new Error(sentence(data));
  return data as T;
}

function sentence(data: unknown): string {
  const error = (data as { error?: unknown } | null)?.error;
  return typeof error === "string" ? error : "That did not work. Please try again in a moment.";
}
