// Emergency scripts: written in a minute, approved by a second person, over by themselves.
import { ElMessage } from "element-plus/es/components/message/index.mjs";
import { reactive, ref } from "vue";
import { request } from "../../shared/http";
import { fromLocal, toLocal } from "../show";
import type { Draft, EntryRow } from "../types";
import { useLoad } from "../useLoad";
import { act, refreshBadges, useSession } from "../useSession";

export interface Script {
  id?: string;
  entry_id?: string;
  question: string;
  status: string;
  status_label: string;
  starts_at: string | null;
  ends_at: string | null;
  content?: Draft["content"];
}

const HOURS = 24;
const inHours = (hours: number): string | null => fromLocal(toLocal(new Date(Date.now() + hours * 3600_000).toISOString()));

export function useScripts() {
  const { me } = useSession();
  const load = useLoad<{ scripts?: (Script | EntryRow)[]; drafts?: Draft[]; entries?: EntryRow[] }>(() => "/api/kb/scripts");
  const blank = () => ({ question: "", similar: "", answer: "", speech: "", unit: me.value?.account.unit || "热线办", starts_at: inHours(0), ends_at: inHours(HOURS) });
  const form = reactive(blank());
  const busy = ref(false);

  async function create(): Promise<boolean> {
    busy.value = true;
    const body = {
      ...form,
      similar: form.similar.split("\n").map((one) => one.trim()).filter(Boolean),
    };
    const made = await act(() => request<Draft>("POST", "/api/kb/scripts", body));
    busy.value = false;
    if (!made) return false;
    ElMessage.success("已送审：另一人通过后一分钟内在电话里生效");
    Object.assign(form, blank());
    await load.reload();
    void refreshBadges();
    return true;
  }

  return { ...load, form, busy, create };
}
