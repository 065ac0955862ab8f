// What the gateway sends to the pages; docs/api.md is the reference.

export type ChatState = "bot" | "queue" | "agent" | "ended";
export type ElementName = "time" | "place" | "person" | "event" | "demand";
export type ElementStatus = "filled" | "missing" | "declined" | "not_applicable";
export type TicketType = "consultation" | "help" | "complaint" | "report" | "suggestion" | "praise";
export type Presence = "ready" | "busy" | "offline";

export interface EntryRef {
  id: string;
  version: number;
}

export interface Choice {
  key: string;
  title: string;
}

export interface ChatMessage {
  id: string;
  from: "citizen" | "bot" | "agent" | "system";
  kind: string;
  text: string;
  at: string;
  entry: EntryRef | null;
  choices: Choice[];
  element: ElementName | null;
  ticket_no: string | null;
  emergency: boolean;
  emergency_number: string;
  client_id: string | null;
}

export interface AgentName {
  id: string;
  name: string;
}

export interface City {
  city: string;
  name: string;
  title: string;
  emergency_numbers: { number: string; label: string }[];
}

export interface Entry {
  id: string;
  version: number;
  question: string;
  answer: string;
  speech: string;
  unit: string;
  source: string;
  effective_at: string;
  sample: boolean;
  score: number;
  audience: "public" | "agents";
  disputed: boolean;
}

export interface Me {
  agent: { id: string; name: string; role: string; sip_uri: string };
  csrf: string;
  presence: Presence;
  phone_hint: string;
}

export interface Waiting {
  handover: string;
  channel: string;
  caller: string;
  reason: string;
  emergency: boolean;
  priority: number;
  waited_s: number;
  status: string;
}

export interface Recording {
  recording: string;
  call: string;
  started_at: string;
  duration_ms: number;
  complete: boolean;
  withheld: [number, number][];
  lost: [number, number][];
}

export interface Source {
  turn_id: string;
  start: number;
  end: number;
  text: string;
  audio_start_ms: number | null;
  audio_end_ms: number | null;
}

export interface Element {
  label: string;
  text: string;
  value: Record<string, unknown> | null;
  status: ElementStatus;
  confidence: number;
  set_by: "bot" | "agent" | "citizen";
  reason: string;
  source: Source[];
}

export interface Ticket {
  ticket: string | null;
  no: string | null;
  type: TicketType;
  type_label: string;
  status: string;
  filed_by: string;
  elements: Record<ElementName, Element>;
}

export interface Item {
  id: string;
  turn: string | null;
  from: "citizen" | "bot" | "agent" | "system";
  text: string;
  at: string;
  entry: EntryRef | null;
  audio_start_ms: number | null;
}

export interface Phone {
  state: "idle" | "ringing" | "connected" | "failed" | "ended";
  sip_code: number;
  hint: string;
}

export interface Pop {
  handover: string;
  conversation: string;
  channel: string;
  caller: string;
  number_known: boolean;
  reason: string;
  reason_text: string;
  emergency: boolean;
  emergency_number: string;
  priority: number;
  status: string;
  agent: string | null;
  created_at: string;
  expires_in_s: number;
  transcript: Item[];
  ticket: Ticket;
  suggestions: Entry[];
  phone: Phone;
}
