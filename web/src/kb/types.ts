// What the gateway sends to the knowledge console and takes from it; docs/api.md is the reference.

export type Right = "edit" | "review" | "train" | "promote" | "label" | "import" | "gaps" | "dispute" | "scripts";
export type Kind = "matter" | "policy" | "duty" | "contact" | "script";
export type Audience = "public" | "agents";
export type EntryStatus = "in_force" | "embargoed" | "expired" | "archived" | "disputed" | "draft";
export type DraftStatus = "draft" | "in_review" | "returned" | "withdrawn" | "published";

export interface Me {
  account: { id: string; name: string; role: string; role_label: string; unit: string };
  csrf: string;
  can: Right[];
}

export interface Attachment {
  id: string;
  name: string;
  bytes: number;
  media: string;
}

/** The fields of an entry as its editor writes them. */
export interface Content {
  id: string;
  kind: Kind;
  question: string;
  similar: string[];
  answer: string;
  speech: string;
  unit: string;
  field: string;
  area: string;
  audience: Audience;
  source: string;
  source_no: string;
  source_date: string | null;
  official: string;
  effective_at: string;
  expires_at: string | null;
  tags: string[];
  attachments: Attachment[];
  urgent: boolean;
  starts_at: string | null;
  ends_at: string | null;
}

export interface Problem {
  field: string;
  message: string;
}

export interface SimilarEntry {
  id: string;
  question: string;
  likeness: number;
}

export interface Filing {
  working_days: number | null;
  warning: string;
}

export interface Draft {
  id: string;
  entry_id: string;
  base_version: number;
  /** Above base_version: published since; the draft has to be brought up to it. */
  newest_version?: number;
  content: Content;
  status: DraftStatus;
  status_label: string;
  origin: string;
  editors: string[];
  revision: number;
  updated_at: string;
  submitted_by: string | null;
  submitted_at: string | null;
  reviewed_by: string | null;
  review_note: string;
  published_version: number | null;
  note: string;
  similar_entries: SimilarEntry[];
  problems: Problem[];
  filing: Filing | null;
}

export interface Checked {
  problems: Problem[];
  similar_entries: SimilarEntry[];
  filing: Filing | null;
}

export interface DiffLine {
  op: "same" | "add" | "del";
  text: string;
}

export interface DiffField {
  name: string;
  label: string;
  before: unknown;
  after: unknown;
  lines: DiffLine[];
}

export interface Review extends Draft {
  before: Content | null;
  diff: DiffField[];
}

export interface EntryRow {
  id: string;
  version: number;
  kind: Kind;
  kind_label: string;
  question: string;
  field: string;
  unit: string;
  area: string;
  audience: Audience;
  status: EntryStatus;
  status_label: string;
  effective_at: string;
  expires_at: string | null;
  updated_at: string;
  author: string;
  reviewed_by: string;
  sample: boolean;
  tags: string[];
  draft: { id: string; status: DraftStatus; revision: number } | null;
  disputed: boolean;
}

export interface EntryFull extends EntryRow {
  similar: string[];
  answer: string;
  speech: string;
  source: string;
  source_no: string;
  source_date: string | null;
  official: string;
  attachments: Attachment[];
  urgent: boolean;
  starts_at: string | null;
  ends_at: string | null;
}

export interface Facet {
  value: string;
  count: number;
}

export interface EntryPage {
  total: number;
  page: number;
  size: number;
  facets: { field: Facet[]; unit: Facet[]; kind: Facet[] };
  entries: EntryRow[];
}

export interface Version {
  version: number;
  author: string;
  reviewed_by: string;
  published_at: string;
  effective_at: string;
  status: string;
  note: string;
}

export interface Dispute {
  id: string;
  entry_id: string;
  version: number;
  reporter_kind: "agent" | "citizen" | "bot";
  reporter: string;
  reason: string;
  at: string;
  due_at: string;
  resolved_at: string | null;
  resolved_by: string | null;
  outcome: string | null;
  note: string;
  question?: string;
  unit?: string;
  overdue?: boolean;
}

export interface EntryDetail {
  entry: EntryFull;
  versions: Version[];
  draft: Draft | null;
  disputes: Dispute[];
  answers_30d: number;
}

export interface Gap {
  id: string;
  title: string;
  topic: string;
  unit: string;
  reason: string;
  reason_label: string;
  status: "open" | "drafted" | "answered" | "closed";
  askers: number;
  asked: number;
  first_at: string;
  last_at: string;
  due_at: string | null;
  due_on_holiday: boolean;
  overdue: boolean;
  samples: string[];
  draft_id: string | null;
  entry_id: string | null;
}

export interface RateRow {
  key: string;
  label: string;
  instant: number;
  total: number;
  share: number | null;
}

export interface Rate {
  instant: number;
  total: number;
  share: number | null;
  rows: RateRow[];
}

export interface UnitFreshness {
  unit: string;
  entries: number;
  stale: number;
  oldest_at: string;
  newest_at: string;
  disputed: number;
  overdue: number;
}

export interface FilingRow {
  draft_id: string;
  entry_id: string;
  question: string;
  effective_at: string;
  working_days: number | null;
  warning: string;
  alarm: string | boolean;
}

export interface FreshnessReport {
  units: UnitFreshness[];
  filing: FilingRow[];
  disputes: Dispute[];
  expiring: EntryRow[];
}

export interface ScriptForm {
  question: string;
  similar: string[];
  answer: string;
  speech: string;
  unit: string;
  starts_at: string;
  ends_at: string;
}

export interface RowError {
  line: number;
  id: string;
  message: string;
}

export interface RowDuplicate {
  line: number;
  id: string;
  likeness: number;
  with: string;
}

export interface ImportReport {
  rows: number;
  added: number;
  changed: number;
  unchanged: number;
  errors: RowError[];
  errors_total: number;
  duplicates: RowDuplicate[];
  compared: number;
}

export interface Act {
  name: string;
  label: string;
  examples: number;
  added: number;
}

export interface ActExample {
  id: string | null;
  text: string;
  origin?: string;
}

export interface Model {
  id: string;
  created_at: string;
  by: string;
  status: "training" | "candidate" | "live" | "retired" | "failed";
  status_label?: string;
  seconds: number | null;
  examples: number;
  accuracy?: number;
  macro_f1?: number;
  error: string;
  promoted_by: string | null;
  promoted_at: string | null;
}

export interface TrainingRun {
  id: string;
  step: string;
  progress: number;
  started_at: string;
}

/** A model being put into service, or the last one that could not be. */
export interface ModelChange {
  id: string;
  by: string;
  started_at: string;
  running: boolean;
  error: string;
}

export interface TrainingState {
  acts: Act[];
  live: Model | null;
  candidates: Model[];
  models: Model[];
  running: TrainingRun | null;
  changing?: ModelChange | null;
  unsure: { open: number };
}

export interface Unsure {
  id: string;
  ids: string[];
  times: number;
  text: string;
  at: string;
  stage: string;
  suggested: string;
  ranking: [string, number][];
  why: string;
}

export interface LabelScore {
  label: string;
  precision: number;
  recall: number;
  f1: number;
  support: number;
}

export interface Evaluation {
  accuracy: number;
  macro_f1: number;
  labels: LabelScore[];
  confusions: [string, string, number][];
}

export interface ModelReport {
  candidate: Evaluation;
  live: Evaluation | null;
  changed: { text: string; live: string; candidate: string; want: string }[];
  cross_validation: { accuracy: number; macro_f1: number; folds: number } | null;
}

export interface Contribution {
  name: string;
  label: string;
  value: number;
  weight: number;
  contribution: number;
}

export interface Candidate {
  id: string;
  version: number;
  question: string;
  /** The way of asking with most of the question's pairs of characters; empty when none has any. */
  way: string;
  score: number;
  logit: number;
  features: Contribution[];
}

/** Why a question is answered as it is. */
export interface Explanation {
  query: string;
  asked: string;
  cut: string[];
  tokens: string[];
  grams: string[];
  pinyin: string[];
  synonyms: [string, string][];
  variants: string[];
  candidates: Candidate[];
  trust: Contribution[];
  verdict: "answer" | "choose" | "abstain";
  thresholds: { name: string; label: string; value: number }[];
  rule: string;
  why: string;
}
