// Requests to the gateway; every failure becomes one error with a sentence for a person.

export class RequestFailed extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly status: number,
  ) {
    super(message);
  }
}

let csrf = "";

export function useCsrf(token: string): void {
  csrf = token;
}

export async function request<T>(method: string, path: string, body?: unknown): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      credentials: "same-origin",
      headers: {
        ...(body === undefined ? {} : { "Content-Type": "application/json" }),
        ...(csrf && method !== "GET" ? { "X-CSRF-Token": csrf } : {}),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch {
    throw new RequestFailed("offline", "网络不通，请稍后再试", 0);
  }
  const text = await response.text();
  let answer: unknown = null;
  try {
    answer = text ? JSON.parse(text) : null;
  } catch {
    throw new RequestFailed("bad_answer", "系统暂时没有回应，请稍后再试", response.status);
  }
  if (!response.ok) {
    const error = (answer as { error?: { code?: string; message?: string } } | null)?.error;
    throw new RequestFailed(error?.code ?? "failed", error?.message ?? "操作没有成功，请稍后再试", response.status);
  }
  return answer as T;
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : "操作没有成功，请稍后再试");
