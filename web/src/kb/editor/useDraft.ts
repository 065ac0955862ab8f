// One draft in the editor: what was saved, what has been changed since, what is wrong with it, and who else changed it.
import { ElMessage } from "element-plus/es/components/message/index.mjs";
import { computed, onBeforeUnmount, reactive, ref, watch } from "vue";
import { confirmed } from "../../shared/ask";
import { messageOf, request, RequestFailed, upload } from "../../shared/http";
import { go, holdWhile, href, letGo, rewrite } from "../route";
import type { Attachment, Checked, Content, Draft, EntryDetail, DiffField, Filing, Problem, SimilarEntry } from "../types";
import { act, refreshBadges, told, useSession } from "../useSession";
import { contentOf, emptyContent } from "./content";

const CHECK_AFTER_MS = 600;
const OPEN = ["draft", "in_review", "returned"];
const WRITABLE = ["draft", "returned"];
/** A published version in the place of somebody else's draft; it has no id of a draft. */
const PUBLISHED: Draft = {
  id: "", entry_id: "", base_version: 0, content: emptyContent(""), status: "published", status_label: "", origin: "manual", editors: [], revision: 0,
  updated_at: "", submitted_by: null, submitted_at: null, reviewed_by: null, review_note: "", published_version: null, note: "",
  similar_entries: [], problems: [], filing: null,
};

export function useDraft(entryId: string, draftId: string) {
  const { me, can, oversees } = useSession();
  const content = reactive<Content>(emptyContent(me.value?.account.unit ?? ""));
  const draft = ref<Draft | null>(null);
  const baseVersion = ref(0);
  /** A version published since the one that this is written on; 0: none. */
  const newer = ref(0);
  /** What this draft changed of the version that it is written on, as far as it is saved. */
  const mine = ref<string[]>([]);
  const note = ref("");
  const loading = ref(true);
  const failure = ref("");
  const saving = ref(false);
  const theirs = ref<Draft | null>(null);
  const problems = ref<Problem[]>([]);
  const alike = ref<SimilarEntry[]>([]);
  const filing = ref<Filing | null>(null);
  const saved = ref("");
  let timer = 0;
  let turn = 0;

  const now = computed(() => JSON.stringify([content, note.value]));
  /** The content as it was when I last loaded or saved it. */
  const base = computed(() => (saved.value ? (JSON.parse(saved.value) as [Content, string])[0] : emptyContent("")));
  const editable = computed(() => can("edit") && (!draft.value || WRITABLE.includes(draft.value.status)));
  const dirty = computed(() => editable.value && !loading.value && !failure.value && now.value !== saved.value);
  /** May still be given up. */
  const open = computed(() => can("edit") && draft.value !== null && OPEN.includes(draft.value.status));

  function show(found: Draft): void {
    draft.value = found;
    baseVersion.value = found.base_version;
    newer.value = (found.newest_version ?? 0) > found.base_version ? found.newest_version! : 0;
    Object.assign(content, found.content);
    note.value = found.note ?? "";
    problems.value = unnumbered(found.problems ?? []);
    alike.value = found.similar_entries ?? [];
    filing.value = found.filing;
    saved.value = now.value;
  }

  /** A new entry may leave its number to the gateway. */
  const unnumbered = (found: Problem[]) => (content.id || draft.value ? found : found.filter((one) => one.field !== "id"));

  async function load(): Promise<void> {
    loading.value = true;
    try {
      if (draftId) show(await request<Draft>("GET", `/api/kb/drafts/${encodeURIComponent(draftId)}`));
      else if (entryId) {
        const detail = await request<EntryDetail>("GET", `/api/kb/entries/${encodeURIComponent(entryId)}`);
        if (detail.draft && OPEN.includes(detail.draft.status)) show(detail.draft);
        else {
          Object.assign(content, contentOf(detail.entry));
          baseVersion.value = detail.entry.version;
        }
      }
      saved.value = now.value;
      failure.value = "";
    } catch (error) {
      failure.value = messageOf(error);
    }
    loading.value = false;
  }

  async function check(): Promise<void> {
    const mine = ++turn;
    try {
      const found = await request<Checked>("POST", "/api/kb/check", { content });
      if (mine !== turn) return;
      problems.value = unnumbered(found.problems);
      alike.value = found.similar_entries.filter((one) => one.id !== content.id);
      filing.value = found.filing;
    } catch (error) {
      if (error instanceof RequestFailed && error.status === 401) told(error);
    }
  }

  watch(now, () => {
    window.clearTimeout(timer);
    if (editable.value && !loading.value && content.question.trim()) timer = window.setTimeout(() => void check(), CHECK_AFTER_MS);
  });
  holdWhile(() => dirty.value);
  onBeforeUnmount(() => {
    window.clearTimeout(timer);
    letGo();
  });

  function conflictOf(error: unknown): Draft | null {
    const answer = error instanceof RequestFailed && error.status === 409 ? (error.answer as { theirs?: Draft }) : null;
    return answer?.theirs ?? null;
  }

  function newerOf(error: unknown): number {
    const answer = error instanceof RequestFailed && error.status === 409 ? (error.answer as { newest_version?: number | null }) : null;
    return answer?.newest_version ?? 0;
  }

  /** Compare with the version published meanwhile, field by field; what is chosen is saved on top of it. */
  async function rebase(): Promise<void> {
    const entry = encodeURIComponent(draft.value?.entry_id ?? content.id);
    const found = await act(async () => {
      const detail = await request<EntryDetail>("GET", `/api/kb/entries/${entry}`);
      const query = `from=${baseVersion.value}&to=draft`;
      const own = draft.value ? await request<{ fields: DiffField[] }>("GET", `/api/kb/entries/${entry}/diff?${query}`) : { fields: [] };
      return { published: detail.entry, own: own.fields.map((one) => one.name as string) };
    });
    if (!found) return;
    mine.value = found.own;
    const { published } = found;
    theirs.value = { ...PUBLISHED, entry_id: published.id, base_version: published.version, published_version: published.version, reviewed_by: published.reviewed_by, content: contentOf(published) };
  }

  /** Save what is written; `words`: what the person is told when it has worked. */
  async function save(words = "草稿已保存"): Promise<boolean> {
    saving.value = true;
    try {
      const body = { content: { ...content }, note: note.value };
      const found = draft.value
        ? await request<Draft>("PUT", `/api/kb/drafts/${encodeURIComponent(draft.value.id)}`, { ...body, revision: draft.value.revision, base_version: baseVersion.value })
        : await request<Draft>("POST", "/api/kb/drafts", { ...body, base_version: baseVersion.value });
      show(found);
      rewrite(href("entries", "draft", found.id));
      if (words) ElMessage.success(words);
      return true;
    } catch (error) {
      const other = conflictOf(error);
      if (other) theirs.value = other;
      else told(error);
      newer.value = newerOf(error) || newer.value;
      const fields = error instanceof RequestFailed ? (error.answer as { error?: { fields?: Problem[] } } | null)?.error?.fields : null;
      if (fields) problems.value = fields;
      return false;
    } finally {
      saving.value = false;
    }
  }

  /** Go on from the other person's revision, or from what was published meanwhile, with the values chosen field by field. */
  async function settle(chosen: Content): Promise<void> {
    const other = theirs.value;
    if (!other) return;
    theirs.value = null;
    Object.assign(content, chosen);
    if (!other.id) baseVersion.value = other.base_version;
    else if (OPEN.includes(other.status)) draft.value = other;
    else startOver(other);
    if (await save()) mine.value = [];
  }

  /** The next save makes a draft of its own, on top of the version that stands. */
  function startOver(closed: Draft): void {
    draft.value = null;
    newer.value = 0;
    baseVersion.value = closed.published_version ?? closed.base_version;
  }

  async function move(verb: "submit" | "withdraw", message: string): Promise<boolean> {
    const one = draft.value;
    if (!one) return false;
    try {
      show(await request<Draft>("POST", `/api/kb/drafts/${encodeURIComponent(one.id)}/${verb}`, { revision: one.revision }));
    } catch (error) {
      theirs.value = conflictOf(error);
      if (!theirs.value) told(error);
      newer.value = newerOf(error) || newer.value;
      return false;
    }
    void refreshBadges();
    ElMessage.success(message);
    return true;
  }

  async function submit(): Promise<void> {
    if ((dirty.value || !draft.value) && !(await save(""))) return;
    if ((await move("submit", "已提交，等待另一人审核")) && oversees()) go("reviews");
  }

  /** Take a draft out of the review queue to change it. */
  async function takeBack(): Promise<void> {
    const one = draft.value;
    if (!one) return;
    const mine = [one.submitted_by, ...one.editors].includes(me.value?.account.id ?? "");
    const text = mine ? "拿回后审核人看不到它，改好要再提交一次。" : `这份草稿是 ${one.submitted_by} 提交的。您拿回来改，就也是撰写人，不能再由您审核。`;
    if ((await confirmed("拿回修改", text, "拿回")) && (await save("已拿回，改好后再提交"))) void refreshBadges();
  }

  /** Give the draft up; what was published stays. */
  async function withdraw(): Promise<void> {
    const text = "撤回后这份草稿不再送审，也不能再改，内容留着可以看。已发布的版本不受影响。";
    if (await confirmed("撤回草稿", text, "撤回")) await move("withdraw", "草稿已撤回");
  }

  /** Go on with the words of a draft that is closed, in a new one. */
  async function again(): Promise<void> {
    if (!draft.value) return;
    startOver(draft.value);
    await save("已另起一份草稿");
  }

  async function attach(file: File): Promise<void> {
    if (file.size > 10 * 1024 * 1024) {
      told(new Error(`“${file.name}”超过 10 MB，请压缩后再传`));
      return;
    }
    const found = await act(() => upload<Attachment>("/api/kb/attachments", file));
    if (found) content.attachments = [...content.attachments, found];
  }

  void load();
  return {
    content, draft, note, loading, failure, saving, theirs, problems, alike, filing, dirty, editable, open, base,
    newer, mine, baseVersion, rebase, load, save, settle, submit, takeBack, withdraw, again, attach,
  };
}

export type DraftState = ReturnType<typeof useDraft>;
