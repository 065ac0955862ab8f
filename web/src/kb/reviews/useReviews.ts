// Drafts that wait for a second person.
import { ElMessage } from "element-plus/es/components/message/index.mjs";
import { watch } from "vue";
import { request } from "../../shared/http";
import { askWords, confirmed } from "../../shared/ask";
import type { Draft, Review } from "../types";
import { useLoad } from "../useLoad";
import { act, refreshBadges, useSession } from "../useSession";

export function useReviews() {
  const { me, can, badges } = useSession();
  const load = useLoad<{ drafts: Review[] }>(() => "/api/kb/reviews");
  const shown = () => load.data.value?.drafts.length ?? 0;
  watch(load.data, () => (badges.reviews = shown()));
  watch(
    () => badges.reviews,
    (waiting) => waiting !== shown() && load.reload(),
  );

  /** Why this person may not approve the draft; empty when he may. */
  function refusal(draft: Draft): string {
    const own = me.value?.account.id ?? "";
    if (!can("review")) return "您的角色不能审核";
    if (draft.editors.includes(own) || draft.submitted_by === own) return "您改过或提交过这份草稿，须由另一人审核";
    if (draft.problems?.length) return `还有 ${draft.problems.length} 处不合要求，请退回修改`;
    return "";
  }

  async function decide(draft: Draft, verb: "approve" | "return", note: string, message: string): Promise<void> {
    const path = `/api/kb/drafts/${encodeURIComponent(draft.id)}/${verb}`;
    if ((await act(() => request<Draft>("POST", path, { revision: draft.revision, note }))) !== null) ElMessage.success(message);
    await load.reload();
    void refreshBadges();
  }

  async function approve(draft: Draft): Promise<void> {
    const when = draft.content.urgent ? "一分钟内在电话里生效" : `自 ${draft.content.effective_at} 起用来回答`;
    if (await confirmed("通过并发布", `“${draft.content.question}”将发布为新版本，${when}。您的名字会留在记录里。`, "通过"))
      await decide(draft, "approve", "", "已发布");
  }

  async function giveBack(draft: Draft): Promise<void> {
    const note = await askWords("退回修改", "请写明要改什么：", "退回");
    if (note) await decide(draft, "return", note, "已退回，撰写人会看到您的意见");
  }

  return { ...load, refusal, approve, giveBack };
}
