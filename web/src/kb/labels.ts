// The Chinese names of what the console filters, sorts and shows.
import type { Audience, EntryStatus, Kind } from "./types";

export const KINDS: Record<Kind, string> = {
  matter: "事项",
  policy: "政策",
  duty: "职责与权责清单",
  contact: "联系方式与时间",
  script: "应答口径",
};

export const ENTRY_STATUSES: Record<EntryStatus, string> = {
  in_force: "生效中",
  embargoed: "未到生效日",
  expired: "已过期",
  archived: "已归档",
  disputed: "有争议",
  draft: "草稿",
};

export const AUDIENCES: Record<Audience, string> = { public: "市民可见", agents: "仅话务员" };

export const ORIGINS: Record<string, string> = {
  manual: "手工撰写",
  import: "批量导入",
  gap: "来自缺口",
  document: "来自单位文件",
  rollback: "回退旧版",
  unit: "承办单位报送",
};

export const REPORTERS: Record<string, string> = { agent: "话务员", citizen: "市民", bot: "机器人" };

export const OUTCOMES: Record<string, string> = { corrected: "已更正", unfounded: "不成立" };

export const GAP_REASONS: Record<string, string> = {
  neglected: "不重视",
  outdated: "更新不及时",
  incomplete: "不完整",
  irregular: "不规范",
  needs_interpretation: "需政策解读",
  no_match: "未命中",
  low_confidence: "低置信",
  denied: "用户否定",
  system_error: "系统异常",
};

export const GAP_STATUSES: Record<string, string> = { open: "待补充", drafted: "已起草", answered: "已答复", closed: "已关闭" };

export const VERDICTS: Record<string, string> = { answer: "直接答", choose: "让人选", abstain: "不答" };

export const WHY_UNSURE: Record<string, string> = { low_confidence: "把握低", corrected: "市民更正", fallback: "没有听懂" };

export const MODEL_STATUSES: Record<string, string> = {
  training: "训练中",
  candidate: "候选",
  live: "在用",
  retired: "已换下",
  failed: "训练失败",
};

export const FIELDS: Record<string, string> = {
  id: "编号",
  kind: "类型",
  question: "标准问题",
  similar: "其他问法",
  answer: "文字答案",
  speech: "语音答案",
  unit: "承办单位",
  field: "领域",
  area: "适用区域",
  audience: "谁能看到",
  source: "来源",
  source_no: "文号",
  source_date: "成文日期",
  official: "正式文本",
  effective_at: "生效日期",
  expires_at: "失效日期",
  tags: "标签",
  attachments: "附件",
  urgent: "应急口径",
  starts_at: "开始时间",
  ends_at: "结束时间",
};
