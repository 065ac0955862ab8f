// The queue of utterances that the bot was unsure of: a cursor, a selection, and what the keys do.
import { ElMessage } from "element-plus/es/components/message/index.mjs";
import { computed, ref } from "vue";
import { request } from "../../shared/http";
import type { Unsure } from "../types";
import { useLoad } from "../useLoad";
import { act } from "../useSession";

const SIZE = 50;
const KEYS = 9;

export function useLabels(changed: () => void) {
  const load = useLoad<{ utterances: Unsure[] }>(() => `/api/kb/training/unsure?size=${SIZE}`);
  const at = ref(0);
  const anchor = ref(0);
  const chosen = ref<Set<string>>(new Set());
  const busy = ref(false);
  const rows = computed(() => load.data.value?.utterances ?? []);
  const current = computed(() => rows.value[at.value] ?? null);

  /** What the keys 1 to 9 stand for at a row: the suggestion first, then the ranking. */
  const optionsOf = (row: Unsure): string[] =>
    [...new Set([row.suggested, ...row.ranking.map(([label]) => label)])].filter(Boolean).slice(0, KEYS);

  const targets = (): Unsure[] => (chosen.value.size ? rows.value.filter((row) => chosen.value.has(row.id)) : current.value ? [current.value] : []);

  function moveTo(index: number, extend: boolean): void {
    at.value = Math.max(0, Math.min(rows.value.length - 1, index));
    if (!extend) {
      anchor.value = at.value;
      chosen.value = new Set();
      return;
    }
    const [low, high] = [Math.min(anchor.value, at.value), Math.max(anchor.value, at.value)];
    chosen.value = new Set(rows.value.slice(low, high + 1).map((row) => row.id));
  }

  function toggle(index: number): void {
    const row = rows.value[index];
    if (!row) return;
    const next = new Set(chosen.value);
    if (!next.delete(row.id)) next.add(row.id);
    chosen.value = next;
    at.value = anchor.value = index;
  }

  async function finish(path: string, done: Unsure[], name: string | null, message: string): Promise<void> {
    if (busy.value || !done.length) return;
    busy.value = true;
    const body = { ids: done.flatMap((row) => row.ids), ...(name ? { label: name } : {}) };
    const answer = await act(async () => ({ answer: await request("POST", `/api/kb/training/${path}`, body) }));
    busy.value = false;
    if (!answer) return;
    ElMessage.success({ message, duration: 1200 });
    const gone = new Set(done.map((row) => row.id));
    if (load.data.value) load.data.value = { utterances: rows.value.filter((row) => !gone.has(row.id)) };
    moveTo(at.value, false);
    changed();
    if (!rows.value.length) await load.reload();
  }

  const label = (name: string, words: string) => finish("label", targets(), name, `${targets().length} 条标为“${words}”`);
  const discard = () => finish("discard", targets(), null, `已弃用 ${targets().length} 条`);

  return { ...load, at, chosen, busy, rows, current, optionsOf, targets, moveTo, toggle, label, discard };
}
