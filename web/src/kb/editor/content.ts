// The content of an entry while it is being written.
import { today } from "../show";
import type { Content, EntryFull } from "../types";

export const LIMITS = { question: 200, similar: 100, answer: 5000, speech: 80, unit: 100, field: 32, area: 64, source: 500, source_no: 100 };

export const emptyContent = (unit: string): Content => ({
  id: "",
  kind: "matter",
  question: "",
  similar: [],
  answer: "",
  speech: "",
  unit,
  field: "其他",
  area: "",
  audience: "public",
  source: "",
  source_no: "",
  source_date: null,
  official: "",
  effective_at: today(),
  expires_at: null,
  tags: [],
  attachments: [],
  urgent: false,
  starts_at: null,
  ends_at: null,
});

const NAMES = Object.keys(emptyContent("")) as (keyof Content)[];

/** The part of a published entry that an editor writes. */
export function contentOf(entry: EntryFull): Content {
  const found = Object.fromEntries(NAMES.map((name) => [name, entry[name as keyof EntryFull] ?? null]));
  return { ...emptyContent(entry.unit), ...found } as Content;
}

/** Fields whose value differs, in the order of the form. */
export function differing(one: Content, other: Content): (keyof Content)[] {
  return NAMES.filter((name) => JSON.stringify(one[name] ?? null) !== JSON.stringify(other[name] ?? null));
}

/** A field's value as words, for comparing. */
export function inWords(value: Content[keyof Content]): string {
  if (Array.isArray(value)) return value.map((one) => (typeof one === "string" ? one : one.name)).join("\n") || "（空）";
  if (typeof value === "boolean") return value ? "是" : "否";
  return value || "（空）";
}
