// The files of an answered entry, asked for once a page however often the entry is shown.
import { request } from "../shared/http";

export interface PublicFile {
  id: string;
  name: string;
  bytes: number;
  media: string;
}

const known = new Map<string, Promise<PublicFile[]>>();

export function filesOf(entry: string): Promise<PublicFile[]> {
  const before = known.get(entry);
  if (before) return before;
  const found = request<{ attachments: PublicFile[] }>("GET", `/api/chat/entries/${encodeURIComponent(entry)}/attachments`).then(
    (answer) => answer.attachments,
    () => {
      known.delete(entry);
      return [];
    },
  );
  known.set(entry, found);
  return found;
}
