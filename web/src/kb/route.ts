// Where the reader is: `#/section/id/part?key=value`. Pages may hold back a departure while something is unsaved.
import { reactive } from "vue";

export interface Place {
  section: string;
  id: string;
  part: string;
  query: URLSearchParams;
}

function parse(hash: string): Place {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [section = "", id = "", part = ""] = path.split("/").map(decodeURIComponent);
  return { section: section || "entries", id, part, query: new URLSearchParams(query) };
}

export const route = reactive<Place>(parse(location.hash));

let holding: (() => boolean) | null = null;
let shown = location.hash;

/** While `unsaved` answers true, leaving asks first. */
export function holdWhile(unsaved: () => boolean): void {
  holding = unsaved;
}

export function letGo(): void {
  holding = null;
}

/** Write another address for what is shown already: nothing is left, so nothing is asked. */
export function rewrite(hash: string): void {
  if (hash === shown) return;
  history.replaceState(null, "", hash);
  shown = hash;
}

window.addEventListener("hashchange", () => {
  if (location.hash === shown) return;
  if (holding?.() && !window.confirm("有没有保存的修改，离开就会丢失。确定离开吗？")) {
    history.replaceState(null, "", shown || "#/");
    return;
  }
  letGo();
  shown = location.hash;
  Object.assign(route, parse(shown));
});
window.addEventListener("beforeunload", (event) => {
  if (holding?.()) event.preventDefault();
});

export const href = (...parts: string[]): string => `#/${parts.map(encodeURIComponent).join("/")}`;

export function go(...parts: string[]): void {
  location.hash = href(...parts);
}
