// The board of consultations that were not answered at once, ranked as the gateway ranks them.
import { ElMessage } from "element-plus/es/components/message/index.mjs";
import { ref } from "vue";
import { request, upload } from "../../shared/http";
import { confirmed } from "../../shared/ask";
import { go } from "../route";
import type { Draft, Gap } from "../types";
import { useLoad } from "../useLoad";
import { act, refreshBadges } from "../useSession";

export function useGaps() {
  const status = ref("open");
  const by = ref("");
  const load = useLoad<{ gaps: Gap[] }>(() => `/api/kb/gaps?${new URLSearchParams({ status: status.value, ...(by.value ? { by: by.value } : {}) })}`);
  const path = (gap: Gap, verb = "") => `/api/kb/gaps/${encodeURIComponent(gap.id)}${verb}`;

  async function toDraft(work: () => Promise<Draft>, message: string): Promise<void> {
    const draft = await act(work);
    if (!draft) return;
    ElMessage.success(message);
    void refreshBadges();
    go("entries", "draft", draft.id);
  }

  async function change(gap: Gap, edit: Partial<Pick<Gap, "reason" | "unit" | "status">> & { note?: string }): Promise<void> {
    const body = { reason: gap.reason, unit: gap.unit, status: gap.status, ...edit };
    if ((await act(async () => ({ answer: await request("PUT", path(gap), body) }))) !== null) ElMessage.success("已保存");
    await load.reload();
    void refreshBadges();
  }

  async function close(gap: Gap): Promise<void> {
    if (await confirmed("关闭缺口", `关闭后“${gap.title}”不再催办；以后再有人问，会重新出现。`, "关闭")) await change(gap, { status: "closed" });
  }

  const makeDraft = (gap: Gap) => toDraft(() => request<Draft>("POST", path(gap, "/draft"), {}), "已用市民的原话生成草稿，请补上答案");
  const fromDocument = (gap: Gap, file: File) => toDraft(() => upload<Draft>(path(gap, "/document"), file), "已从文件生成草稿，请核对");

  return { ...load, status, by, change, close, makeDraft, fromDocument };
}

export type GapsState = ReturnType<typeof useGaps>;
