// Requests: reads of the UI's own screens (/ui), changes through the public API (/api/v2).
import { signal } from "@preact/signals";

export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

/** Set when the server wants somebody to sign in. */
export const signInNeeded = signal(false);

export interface Me {
  username: string;
  role: "viewer" | "user" | "op" | "admin";
  email: string | null;
  signed_in_by: string;
  csrf_token: string | null;
  all_dags: boolean;
}

/** Who is signed in; null until that is known. */
export const me = signal<Me | null>(null);

export async function whoAmI(): Promise<void> {
  try {
    me.value = await get<Me>("/auth/me");
    signInNeeded.value = false;
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 401) throw error;
    signInNeeded.value = true;
  }
}

const RANK = ["viewer", "user", "op", "admin"];
/** Whether the role allows it; the server decides anyway. */
export function may(role: Me["role"]): boolean {
  return me.value !== null && RANK.indexOf(me.value.role) >= RANK.indexOf(role);
}

/** The newest event that every answer read so far knows of; the stream goes on from there. */
export const known: { seq: number | null } = { seq: null };

type Params = Record<string, string | number | boolean | null | undefined | string[]>;

export function url(path: string, params: Params = {}): string {
  const q = new URLSearchParams();
  for (const [name, value] of Object.entries(params)) {
    if (value === null || value === undefined || value === "") continue;
    if (Array.isArray(value)) for (const v of value) q.append(name, v);
    else q.set(name, String(value));
  }
  const text = q.toString();
  return text ? `${path}?${text}` : path;
}

export async function request<T>(method: string, to: string, body?: unknown): Promise<T> {
  const headers: Record<string, string> = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (method !== "GET") {
    const token = me.peek()?.csrf_token;
    if (token) headers["X-CSRF-Token"] = token;
  }
  let response: Response;
  try {
    response = await fetch(to, {
      method,
      headers,
      credentials: "same-origin",
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch {
    throw new ApiError(0, "The server cannot be reached. It will be tried again.");
  }
  const seq = response.headers.get("X-Event-Seq");
  if (seq !== null) known.seq = Math.min(known.seq ?? Infinity, Number(seq));
  if (response.status === 401) signInNeeded.value = true;
  if (!response.ok) throw new ApiError(response.status, await reason(response));
  if (response.status === 204) return undefined as T;
  const text = await response.text();
  return (text ? JSON.parse(text) : undefined) as T;
}

export const get = <T>(to: string): Promise<T> => request<T>("GET", to);
export const post = <T>(to: string, body: unknown = {}): Promise<T> => request<T>("POST", to, body);
export const patch = <T>(to: string, body: unknown): Promise<T> => request<T>("PATCH", to, body);
export const put = <T>(to: string, body: unknown): Promise<T> => request<T>("PUT", to, body);
export const del = <T>(to: string): Promise<T> => request<T>("DELETE", to);

async function reason(response: Response): Promise<string> {
  try {
    const body: unknown = await response.json();
    const detail = (body as { detail?: unknown }).detail;
    if (typeof detail === "string") return detail;
    if (Array.isArray(detail)) {
      return detail
        .map((d: { loc?: unknown[]; msg?: string }) => `${(d.loc ?? []).join(".")}: ${d.msg ?? ""}`)
        .join("; ");
    }
    if (detail && typeof detail === "object") return JSON.stringify(detail);
  } catch {
    // No JSON: the status must do.
  }
  return `The server answered ${response.status} ${response.statusText}`;
}
