// One question put to the live search, with the reasons for its answer.
import { reactive, ref } from "vue";
import { request } from "../../shared/http";
import type { Explanation } from "../types";
import { act } from "../useSession";

export function useTester() {
  const form = reactive({ q: "", at: "", area: "", previous: "" });
  const found = ref<Explanation | null>(null);
  const busy = ref(false);

  async function ask(): Promise<void> {
    const q = form.q.trim();
    if (!q) return;
    busy.value = true;
    const body = {
      q,
      ...(form.at ? { at: `${form.at}T12:00:00+08:00` } : {}),
      ...(form.area.trim() ? { area: form.area.trim() } : {}),
      ...(form.previous.trim() ? { previous: form.previous.trim() } : {}),
    };
    found.value = await act(() => request<Explanation>("POST", "/api/kb/test", body));
    busy.value = false;
  }

  return { form, found, busy, ask };
}
