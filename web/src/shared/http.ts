// Requests to the gateway; every failure becomes one error with a sentence for a person.

export class RequestFailed extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly status: number,
    readonly answer: unknown = null,
  ) {
    super(message);
  }
}

let csrf = "";

export function useCsrf(token: string): void {
  csrf = token;
}

async function send(method: string, path: string, headers: Record<string, string>, body?: BodyInit): Promise<Response> {
  try {
    return await fetch(path, {
      method,
      credentials: "same-origin",
      headers: { ...headers, ...(csrf && method !== "GET" ? { "X-CSRF-Token": csrf } : {}) },
      body,
    });
  } catch {
    throw new RequestFailed("offline", "网络不通，请稍后再试", 0);
  }
}

async function answerOf<T>(response: Response): Promise<T> {
  const text = await response.text();
  let answer: unknown = null;
  try {
    answer = text ? JSON.parse(text) : null;
  } catch {
    throw new RequestFailed("bad_answer", "系统暂时没有回应，请稍后再试", response.status);
  }
  if (!response.ok) {
    const error = (answer as { error?: { code?: string; message?: string } } | null)?.error;
    throw new RequestFailed(error?.code ?? "failed", error?.message ?? "操作没有成功，请稍后再试", response.status, answer);
  }
  return answer as T;
}

export async function request<T>(method: string, path: string, body?: unknown): Promise<T> {
  const json = body === undefined ? undefined : JSON.stringify(body);
  const headers: Record<string, string> = json === undefined ? {} : { "Content-Type": "application/json" };
  return answerOf<T>(await send(method, path, headers, json));
}

/** Send one file as the form field `file`. */
export async function upload<T>(path: string, file: File): Promise<T> {
  const form = new FormData();
  form.append("file", file, file.name);
  return answerOf<T>(await send("POST", path, {}, form));
}

/** Ask for bytes (sound, a file to save); a refusal is still a JSON error. */
export async function requestBytes(method: string, path: string, body?: unknown): Promise<ArrayBuffer> {
  const json = body === undefined ? undefined : JSON.stringify(body);
  const response = await send(method, path, json === undefined ? {} : { "Content-Type": "application/json" }, json);
  return response.ok ? response.arrayBuffer() : answerOf<ArrayBuffer>(response);
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : "操作没有成功，请稍后再试");
