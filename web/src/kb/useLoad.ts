// Something a page needs from the gateway: still loading, failed, or there.
import { ref, type Ref, watch } from "vue";
import { messageOf, request } from "../shared/http";
import { ended } from "./useSession";

export interface Load<T> {
  data: Ref<T | null>;
  loading: Ref<boolean>;
  failure: Ref<string>;
  reload: () => Promise<void>;
}

/** Load `path()` now and whenever it changes; an answer that comes too late is dropped. */
export function useLoad<T>(path: () => string): Load<T> {
  const data = ref(null) as Ref<T | null>;
  const loading = ref(false);
  const failure = ref("");
  let turn = 0;

  async function reload(): Promise<void> {
    const mine = ++turn;
    loading.value = true;
    try {
      const found = await request<T>("GET", path());
      if (mine !== turn) return;
      data.value = found;
      failure.value = "";
    } catch (error) {
      if (mine !== turn) return;
      failure.value = messageOf(error);
      ended(error);
    } finally {
      if (mine === turn) loading.value = false;
    }
  }

  watch(path, () => void reload(), { immediate: true });
  return { data, loading, failure, reload };
}
