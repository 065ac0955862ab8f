// Who works here, what they may do, and how much waits for them.
import { ElMessage } from "element-plus/es/components/message/index.mjs";
import { reactive, ref } from "vue";
import { messageOf, request, RequestFailed, useCsrf } from "../shared/http";
import type { FreshnessReport, Gap, Me, Review, Right } from "./types";

const me = ref<Me | null>(null);
const loaded = ref(false);
/** The session has ended under somebody who works here: the page stays as it is until he has logged in again. */
const expired = ref(false);
const badges = reactive({ reviews: 0, disputes: 0, gaps: 0 });
const COUNT_EVERY_MS = 30_000;
let timer = 0;

const OVERSEERS = ["editor", "reviewer", "supervisor", "office"];
const oversees = (): boolean => OVERSEERS.includes(me.value?.account.role ?? "");
const isUnit = (): boolean => me.value?.account.role === "unit";
const can = (right: Right): boolean => me.value?.can.includes(right) ?? false;

/** Whether an error says that the session has ended; the login comes up then. */
export function ended(error: unknown): boolean {
  const is = error instanceof RequestFailed && error.status === 401;
  if (is) expired.value = me.value !== null;
  return is;
}

/** Show a failure to the person. */
export function told(error: unknown): void {
  if (ended(error)) return;
  ElMessage({ type: "error", message: messageOf(error), showClose: true, duration: 6000 });
}

/** Run one action; null when it failed, and the person has been told. */
export async function act<T>(work: () => Promise<T>): Promise<T | null> {
  try {
    return await work();
  } catch (error) {
    told(error);
    return null;
  }
}

async function countOf(work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch {
    return 0;
  }
}

/** Count what waits: drafts to review, disputes, gaps. A count that cannot be had is left out. */
export async function refreshBadges(): Promise<void> {
  if (!me.value) return;
  const [reviews, disputes, gaps] = await Promise.all([
    countOf(async () => (oversees() ? (await request<{ drafts: Review[] }>("GET", "/api/kb/reviews")).drafts.length : 0)),
    countOf(async () => (oversees() || isUnit() ? (await request<FreshnessReport>("GET", "/api/kb/freshness")).disputes.length : 0)),
    countOf(async () => (oversees() || isUnit() ? (await request<{ gaps: Gap[] }>("GET", "/api/kb/gaps?status=open")).gaps.length : 0)),
  ]);
  Object.assign(badges, { reviews, disputes, gaps });
}

function begin(found: Me): void {
  const another = expired.value && me.value?.account.id !== found.account.id;
  expired.value = false;
  if (another) location.reload();
  me.value = found;
  useCsrf(found.csrf);
  void refreshBadges();
  window.clearInterval(timer);
  timer = window.setInterval(refreshSeen, COUNT_EVERY_MS);
}

function refreshSeen(): void {
  if (!document.hidden) void refreshBadges();
}
document.addEventListener("visibilitychange", refreshSeen);

async function restore(): Promise<void> {
  try {
    begin(await request<Me>("GET", "/api/kb/me"));
  } catch {
    me.value = null;
  }
  loaded.value = true;
}

async function login(account: string, password: string): Promise<void> {
  begin(await request<Me>("POST", "/api/kb/login", { account, password }));
}

async function logout(): Promise<void> {
  window.clearInterval(timer);
  await act(() => request("POST", "/api/kb/logout", {}));
  expired.value = false;
  me.value = null;
}

export const useSession = () => ({ me, loaded, expired, badges, can, oversees, isUnit, restore, login, logout });
