// The list of entries: filters live in the address, so that a list can be kept as a bookmark.
import { computed, nextTick, reactive, watch } from "vue";
import { rewrite, route } from "../route";
import { type Load, useLoad } from "../useLoad";
import type { EntryPage } from "../types";

export const FILTERS = ["q", "kind", "field", "unit", "area", "status"] as const;
export type Filter = (typeof FILTERS)[number];
const SIZE = 50;

export function useEntries(): Load<EntryPage> & { filters: Record<Filter, string>; place: { page: number }; filtered: () => boolean } {
  const filters = reactive(Object.fromEntries(FILTERS.map((name) => [name, route.query.get(name) ?? ""])) as Record<Filter, string>);
  const place = reactive({ page: Number(route.query.get("page")) || 1 });
  const query = computed(() => {
    const asked = new URLSearchParams();
    for (const name of FILTERS) if (filters[name].trim()) asked.set(name, filters[name].trim());
    if (place.page > 1) asked.set("page", String(place.page));
    return asked;
  });
  watch(
    () => FILTERS.map((name) => filters[name]).join("\n"),
    () => (place.page = 1),
  );
  watch(query, (asked) => rewrite(asked.size ? `#/entries?${asked}` : "#/entries"));
  watch(
    () => route.query,
    (given) => {
      if (route.section !== "entries" || route.id) return;
      for (const name of FILTERS) filters[name] = given.get(name) ?? "";
      void nextTick(() => (place.page = Number(given.get("page")) || 1));
    },
  );
  const load = useLoad<EntryPage>(() => {
    const asked = new URLSearchParams(query.value);
    asked.set("size", String(SIZE));
    return `/api/kb/entries?${asked}`;
  });
  return { ...load, filters, place, filtered: () => FILTERS.some((name) => filters[name] !== "") };
}
