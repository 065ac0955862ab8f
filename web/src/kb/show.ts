// Times, sizes, shares and dates as the console writes them.

const pad = (value: number): string => String(value).padStart(2, "0");

/** A moment with an offset, in the city's time: `2026-11-21 08:30`. */
export function moment(at: string | null | undefined): string {
  if (!at) return "";
  if (/^\d{4}-\d\d-\d\d$/.test(at)) return at;
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return at;
  const local = new Date(date.getTime() + 8 * 3600_000);
  return `${local.getUTCFullYear()}-${pad(local.getUTCMonth() + 1)}-${pad(local.getUTCDate())} ${pad(local.getUTCHours())}:${pad(local.getUTCMinutes())}`;
}

export const day = (at: string | null | undefined): string => moment(at).slice(0, 10);

/** Today in the city, `2026-11-21`. */
export const today = (): string => day(new Date().toISOString());

const words = (date: string): string => `${Number(date.slice(0, 4))}年${Number(date.slice(5, 7))}月${Number(date.slice(8, 10))}日`;

/** How long something has gone on: `1 分 20 秒`. */
export function elapsed(since: string, now: number): string {
  const seconds = Math.max(0, Math.round((now - new Date(since).getTime()) / 1000));
  return seconds < 60 ? `${seconds} 秒` : `${Math.floor(seconds / 60)} 分 ${seconds % 60} 秒`;
}

/** What an effective date means for somebody who asks. */
export function effectiveInWords(date: string, now: string = today()): string {
  if (!/^\d{4}-\d\d-\d\d$/.test(date)) return "请写明从哪一天起可以这样回答";
  if (date > now) return `${words(date)} 00:00 起才回答；在此之前 23:59 仍按原来的版本回答（没有原版本就不答）`;
  return "审核通过后立即回答";
}

/** What a last day means. */
export function expiryInWords(date: string | null): string {
  return date ? `${words(date)} 24:00 止；第二天起不再回答` : "长期有效；到期要换的政策请写上最后一天";
}

export { size } from "../shared/show";

export const percent = (share: number | null | undefined, digits = 1): string => (share == null ? "—" : `${(share * 100).toFixed(digits)}%`);

/** Seconds that the phone's voice needs: four characters a second. */
export const spokenSeconds = (text: string): number => Math.max(1, Math.round(text.replace(/\s/g, "").length / 4));

/** The value of a `datetime-local` field (city time) as a moment with its offset, and back. */
export const fromLocal = (value: string): string | null => (value ? `${value.slice(0, 16)}:00+08:00` : null);
export const toLocal = (at: string | null): string => (at ? moment(at).replace(" ", "T") : "");
