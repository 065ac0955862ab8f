// Acts, the training under way, and the models: one state for the whole training page.
import { ElMessage } from "element-plus/es/components/message/index.mjs";
import { onBeforeUnmount, watch } from "vue";
import { request } from "../../shared/http";
import { confirmed } from "../../shared/ask";
import type { Model, TrainingState } from "../types";
import { useLoad } from "../useLoad";
import { act, useSession } from "../useSession";

/** What the bot makes of words that it is not sure enough of. */
const UNHEARD = "nlu_fallback";
const POLL_MS = 2000;
/** So soon a page left open shows that somebody else has begun a training. */
const IDLE_POLL_MS = 15_000;

export function useTraining() {
  const { me, can } = useSession();
  const load = useLoad<TrainingState>(() => "/api/kb/training");
  let timer = 0;

  const atWork = () => Boolean(load.data.value?.running || load.data.value?.changing?.running);
  watch(
    atWork,
    (busy) => {
      window.clearInterval(timer);
      timer = window.setInterval(() => document.hidden || void load.reload(), busy ? POLL_MS : IDLE_POLL_MS);
    },
    { immediate: true },
  );
  watch(
    () => load.data.value?.running,
    (running, before) => {
      if (!running && before) tell(before.id);
    },
  );
  watch(
    () => load.data.value?.changing,
    (changing, before) => {
      if (!before?.running || changing?.running) return;
      if (changing?.error) ElMessage({ type: "error", message: changing.error, showClose: true, duration: 8000 });
      else ElMessage.success(`模型 ${before.id.slice(0, 10)} 已上线`);
    },
  );
  onBeforeUnmount(() => window.clearInterval(timer));

  function tell(ended: string): void {
    const model = load.data.value?.models.find((one) => one.id === ended);
    if (model?.status === "candidate") ElMessage.success("训练好了，请看对比");
    else if (model?.error) ElMessage({ type: "error", message: `训练没有成功：${model.error}`, showClose: true, duration: 8000 });
  }

  const labelOf = (name: string): string => (name === UNHEARD ? "没有听懂" : (load.data.value?.acts.find((one) => one.name === name)?.label ?? name));

  async function post(path: string, message: string): Promise<void> {
    if ((await act(async () => ({ answer: await request("POST", `/api/kb/training/${path}`, {}) }))) !== null) ElMessage.success(message);
    await load.reload();
  }

  async function start(): Promise<void> {
    if (await confirmed("开始训练", "训练在单独的进程里进行，不影响正在进行的通话。大约三分钟。", "开始")) await post("start", "已开始训练");
  }

  async function cancel(): Promise<void> {
    if (await confirmed("停止训练", "停止后这次训练什么都不留下。", "停止")) await post("cancel", "已停止");
  }

  /** Why this person may not promote the model; empty when he may. */
  function refusal(model: Model): string {
    if (!can("promote")) return "上线须由审核角色决定";
    if (model.by && model.by === me.value?.account.id) return "这个模型由您训练，须由另一人上线";
    return "";
  }

  async function promote(model: Model): Promise<void> {
    const text = "上线后新的话轮立即用它判断，正在填的表单继续。可以随时一键退回。您的名字会留在记录里。";
    if (await confirmed("上线候选模型", text, "上线")) await post(`models/${encodeURIComponent(model.id)}/promote`, "正在换上模型，通话不受影响");
  }

  async function rollBack(): Promise<void> {
    if (await confirmed("退回上一个模型", "立即换回上一个在用的模型，不丢话轮。", "退回")) await post("rollback", "正在退回上一个模型，通话不受影响");
  }

  return { ...load, labelOf, start, cancel, refusal, promote, rollBack };
}

export type Training = ReturnType<typeof useTraining>;
