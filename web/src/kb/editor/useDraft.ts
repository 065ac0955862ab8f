// One draft in the editor: what was saved, what has been changed since, what is wrong with it, and who else changed it.
import { ElMessage } from "element-plus/es/components/message/index.mjs";
import { computed, onBeforeUnmount, reactive, ref, watch } from "vue";
import { messageOf, request, RequestFailed, upload } from "../../shared/http";
import { go, holdWhile, letGo } from "../route";
import type { Attachment, Checked, Content, Draft, EntryDetail, Filing, Problem, SimilarEntry } from "../types";
import { act, refreshBadges, told, useSession } from "../useSession";
import { contentOf, emptyContent } from "./content";

const CHECK_AFTER_MS = 600;
const OPEN = ["draft", "in_review", "returned"];

export function useDraft(entryId: string, draftId: string) {
  const { me } = useSession();
  const content = reactive<Content>(emptyContent(me.value?.account.unit ?? ""));
  const draft = ref<Draft | null>(null);
  const baseVersion = ref(0);
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
  const dirty = computed(() => !loading.value && now.value !== saved.value);
  /** The content as it was when I last loaded or saved it. */
  const base = computed(() => (saved.value ? (JSON.parse(saved.value) as [Content, string])[0] : emptyContent("")));
  const editable = computed(() => !draft.value || draft.value.status === "draft" || draft.value.status === "returned");

  function show(found: Draft): void {
    draft.value = found;
    baseVersion.value = found.base_version;
    Object.assign(content, found.content);
    note.value = found.note ?? "";
    problems.value = found.problems ?? [];
    alike.value = found.similar_entries ?? [];
    filing.value = found.filing;
    saved.value = now.value;
  }

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
      problems.value = found.problems;
      alike.value = found.similar_entries.filter((one) => one.id !== content.id);
      filing.value = found.filing;
    } catch (error) {
      if (error instanceof RequestFailed && error.status === 401) told(error);
    }
  }

  watch(now, () => {
    window.clearTimeout(timer);
    if (!loading.value && content.question.trim()) timer = window.setTimeout(() => void check(), CHECK_AFTER_MS);
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

  async function save(): Promise<boolean> {
    saving.value = true;
    try {
      const body = { content: { ...content }, note: note.value };
      const found = draft.value
        ? await request<Draft>("PUT", `/api/kb/drafts/${encodeURIComponent(draft.value.id)}`, { ...body, revision: draft.value.revision })
        : await request<Draft>("POST", "/api/kb/drafts", { ...body, base_version: baseVersion.value });
      show(found);
      ElMessage.success("草稿已保存");
      return true;
    } catch (error) {
      const other = conflictOf(error);
      if (other) theirs.value = other;
      else told(error);
      const fields = error instanceof RequestFailed ? (error.answer as { error?: { fields?: Problem[] } } | null)?.error?.fields : null;
      if (fields) problems.value = fields;
      return false;
    } finally {
      saving.value = false;
    }
  }

  /** Go on from the other person's revision with the values chosen field by field. */
  async function settle(chosen: Content): Promise<void> {
    if (!theirs.value) return;
    draft.value = theirs.value;
    theirs.value = null;
    Object.assign(content, chosen);
    await save();
  }

  async function move(verb: "submit" | "withdraw", message: string): Promise<void> {
    if (verb === "submit" && (dirty.value || !draft.value) && !(await save())) return;
    const one = draft.value;
    if (!one) return;
    const found = await act(() => request<Draft>("POST", `/api/kb/drafts/${encodeURIComponent(one.id)}/${verb}`, { revision: one.revision }));
    if (!found) return;
    show(found);
    void refreshBadges();
    ElMessage.success(message);
    if (verb === "submit") go("reviews");
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
    content, draft, note, loading, failure, saving, theirs, problems, alike, filing, dirty, editable, base,
    load, save, settle, move, attach,
  };
}

export type DraftState = ReturnType<typeof useDraft>;
