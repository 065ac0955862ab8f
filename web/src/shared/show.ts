// Small things that the pages show the same way.

export const clock = (at: string): string => at.slice(11, 16);

export function size(bytes: number): string {
  return bytes < 1024 * 1024 ? `${Math.max(1, Math.round(bytes / 1024))} KB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

export const newId = (): string => crypto.randomUUID?.() ?? `${Date.now()}-${Math.random().toString(16).slice(2)}`;

export const CHANNELS: Record<string, string> = { phone: "电话", web: "网页", wechat_mp: "小程序" };

export const REASONS: Record<string, string> = {
  asked: "要求人工",
  emergency: "紧急情况",
  failed: "系统故障",
  unanswered: "问题没有答上",
  abuse: "情绪激动",
  choice: "选择人工",
  overflow: "来电较多，未经机器人",
};

export const TYPES: Record<string, string> = {
  consultation: "咨询",
  help: "求助",
  complaint: "投诉",
  report: "举报",
  suggestion: "建议",
  praise: "表扬",
};

export const STATUSES: Record<string, string> = {
  filled: "已填",
  missing: "未提供",
  declined: "不愿提供",
  not_applicable: "不适用",
};
