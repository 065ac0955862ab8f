// How the share of consultations answered at once is drawn.
import type { EChartsCoreOption } from "echarts/core";
import { percent } from "../show";
import type { RateRow } from "../types";

const FONT = { fontFamily: "PingFang SC, Microsoft YaHei, Noto Sans CJK SC, Noto Sans SC, sans-serif" };
const BLUE = "#1c5bb8";
const GREY = "#c9d6ea";
const share = (row: RateRow) => (row.share === null ? null : Number((row.share * 100).toFixed(1)));

const tooltip = (rows: RateRow[]) => ({
  trigger: "axis",
  renderMode: "richText",
  formatter: (found: { dataIndex: number }[]) => {
    const row = rows[found[0]?.dataIndex ?? 0];
    return row ? `${row.label}\n当场答上 ${row.instant} ／ 全部 ${row.total} ＝ ${percent(row.share)}` : "";
  },
});

/** Share by day as a line, the number of consultations behind it as bars. */
export function byDay(rows: RateRow[]): EChartsCoreOption {
  return {
    textStyle: FONT,
    animation: false,
    aria: { enabled: true },
    tooltip: tooltip(rows),
    legend: { data: ["即时办结率", "全部咨询"], top: 0 },
    grid: { left: 46, right: 46, top: 34, bottom: 28 },
    xAxis: { type: "category", data: rows.map((row) => row.label.replace(/^\d{4}-/, "")) },
    yAxis: [
      { type: "value", min: 0, max: 100, axisLabel: { formatter: "{value}%" } },
      { type: "value", minInterval: 1, splitLine: { show: false } },
    ],
    series: [
      { name: "全部咨询", type: "bar", yAxisIndex: 1, data: rows.map((row) => row.total), itemStyle: { color: GREY }, barMaxWidth: 22 },
      { name: "即时办结率", type: "line", connectNulls: true, data: rows.map(share), itemStyle: { color: BLUE }, symbolSize: 7 },
    ],
  };
}

/** Share by unit, topic or channel, the largest number of consultations on top. */
export function byGroup(rows: RateRow[]): EChartsCoreOption {
  const shown = [...rows].reverse();
  return {
    textStyle: FONT,
    animation: false,
    aria: { enabled: true },
    tooltip: tooltip(shown),
    grid: { left: 8, right: 56, top: 6, bottom: 24, containLabel: true },
    xAxis: { type: "value", min: 0, max: 100, axisLabel: { formatter: "{value}%" } },
    yAxis: { type: "category", data: shown.map((row) => row.label), axisLabel: { width: 110, overflow: "truncate" } },
    series: [{ type: "bar", data: shown.map(share), itemStyle: { color: BLUE }, barMaxWidth: 18, label: { show: true, position: "right", formatter: "{c}%" } }],
  };
}
