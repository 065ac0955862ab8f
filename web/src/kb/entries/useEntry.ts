// One entry with its versions, draft and disputes, and what may be done with it.
import { ElMessage } from "element-plus/es/components/message/index.mjs";
import { request } from "../../shared/http";
import { askWords } from "../../shared/ask";
import type { DiffField, EntryDetail } from "../types";
import { useLoad } from "../useLoad";
import { act, refreshBadges } from "../useSession";

export function useEntry(id: string) {
  const base = `/api/kb/entries/${encodeURIComponent(id)}`;
  const load = useLoad<EntryDetail>(() => base);

  async function done(work: () => Promise<unknown>, message: string): Promise<boolean> {
    if ((await act(async () => ({ answer: await work() }))) === null) return false;
    ElMessage.success(message);
    await load.reload();
    void refreshBadges();
    return true;
  }

  async function archive(): Promise<void> {
    const reason = await askWords("归档条目", "归档后机器人和坐席都不再用它回答，历史版本保留。请写明原因：", "归档");
    if (reason) await done(() => request("POST", `${base}/archive`, { reason }), "已归档，立即停止回答");
  }

  async function rollBack(version: number): Promise<void> {
    const reason = await askWords("回退版本", `第 ${version} 版的内容会原样成为新版，马上用来回答；现在的版本留在历史里。请写明原因：`, "回退");
    if (reason) await done(() => request("POST", `${base}/rollback`, { version, reason }), `已回退到第 ${version} 版的内容`);
  }

  async function report(): Promise<void> {
    const reason = await askWords("报告错误", "报告后机器人立刻停止用这一条回答，责任人须在两个工作日内处理。请写明哪里不对：", "报告错误");
    if (reason) await done(() => request("POST", `${base}/dispute`, { reason }), "已报告，机器人已停止用这一条回答");
  }

  async function resolve(dispute: string, outcome: "corrected" | "unfounded"): Promise<void> {
    const title = outcome === "corrected" ? "已经更正" : "报告不成立";
    const note = await askWords(title, "处理后机器人恢复用这一条回答。请写明处理情况：", "确定");
    if (note) await done(() => request("POST", `/api/kb/disputes/${encodeURIComponent(dispute)}/resolve`, { outcome, note }), "争议已处理");
  }

  const diff = (from: number, to: number | "draft") =>
    act(() => request<{ fields: DiffField[] }>("GET", `${base}/diff?from=${from}&to=${to}`));

  return { ...load, archive, rollBack, report, resolve, diff };
}

export type EntryState = ReturnType<typeof useEntry>;
