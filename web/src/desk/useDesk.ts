// The desk's state: who I am, what waits, what I was offered, and the hand-over I work on.
import { ElMessage } from "element-plus/es/components/message/index.mjs";
import { computed, reactive, ref } from "vue";
import { messageOf, request, RequestFailed, useCsrf } from "../shared/http";
import { newId } from "../shared/show";
import { type Frame, Socket } from "../shared/socket";
import type { ElementName, ElementStatus, Entry, Item, Me, Phone, Pop, Presence, Recording, Ticket, TicketType, Waiting } from "../shared/types";

export interface ElementEdit {
  text: string;
  status: ElementStatus;
  reason: string;
}

export function useDesk() {
  const me = ref<Me | null>(null);
  const loaded = ref(false);
  const waiting = ref<Waiting[]>([]);
  const agents = ref({ ready: 0, busy: 0 });
  const pops = ref<Pop[]>([]);
  const currentId = ref("");
  const connected = ref(false);
  const sought = ref<{ handover: string; ms: number } | null>(null);
  const unrecorded = reactive<Record<string, boolean>>({});
  const typing = reactive<Record<string, number>>({});
  let socket: Socket | null = null;

  const current = computed(() => pops.value.find((one) => one.handover === currentId.value) ?? pops.value[0] ?? null);
  const find = (id: unknown) => pops.value.find((one) => one.handover === id);

  function put(pop: Pop): void {
    const at = pops.value.findIndex((one) => one.handover === pop.handover);
    if (at < 0) pops.value.push(pop);
    else pops.value[at] = pop;
  }

  function drop(id: unknown): void {
    pops.value = pops.value.filter((one) => one.handover !== id);
  }

  function addItem(pop: Pop, item: Item): void {
    if (!pop.transcript.some((one) => one.id === item.id)) pop.transcript.push(item);
  }

  function ring(pop: Pop): void {
    document.title = `● ${pop.emergency ? "紧急 " : ""}新来话 · 话务台`;
    if (window.Notification?.permission === "granted") new Notification("12345 话务台", { body: `新的转接：${pop.reason_text}` });
  }

  function onFrame(frame: Frame): void {
    const pop = find(frame.handover);
    switch (frame.type) {
      case "ready":
        me.value = frame.me as Me;
        useCsrf(me.value.csrf);
        waiting.value = frame.waiting as Waiting[];
        agents.value = frame.agents as { ready: number; busy: number };
        pops.value = frame.pops as Pop[];
        break;
      case "offer":
        put(frame.pop as Pop);
        currentId.value = (frame.pop as Pop).handover;
        ring(frame.pop as Pop);
        break;
      case "withdrawn":
        drop(frame.handover);
        ElMessage.warning(
          { timeout: "没有及时接起，已转给下一位", taken: "已被其他话务员接起", citizen_left: "对方已离开", declined: "已转给下一位" }[
            String(frame.reason)
          ] ?? "转接已撤回",
        );
        break;
      case "queue":
        waiting.value = frame.waiting as Waiting[];
        agents.value = frame.agents as { ready: number; busy: number };
        break;
      case "presence":
        if (me.value) me.value.presence = frame.state as Presence;
        if (frame.reason) ElMessage.warning(String(frame.reason));
        break;
      case "transcript":
        if (pop) addItem(pop, frame.item as Item);
        delete typing[String(frame.handover)];
        break;
      case "ticket":
        if (pop) pop.ticket = frame.ticket as Ticket;
        break;
      case "suggestions":
        if (pop) pop.suggestions = frame.entries as Entry[];
        break;
      case "phone":
        if (pop) pop.phone = { state: frame.state, sip_code: frame.sip_code, hint: frame.hint } as Phone;
        break;
      case "typing":
        if (frame.on) typing[String(frame.handover)] = Date.now();
        else delete typing[String(frame.handover)];
        break;
      case "alarm":
        document.title = "● 紧急 · 话务台";
        ElMessage({ type: "error", message: String(frame.message), duration: 0, showClose: true });
        if (window.Notification?.permission === "granted") new Notification("12345 话务台", { body: String(frame.message) });
        break;
      case "ended":
        if (pop) {
          pop.status = "ended";
          if (pop.phone.state !== "failed") pop.phone.state = "ended";
        }
        break;
    }
  }

  async function act<T>(work: () => Promise<T>): Promise<T | null> {
    try {
      return await work();
    } catch (error) {
      ElMessage.error(messageOf(error));
      if (error instanceof RequestFailed && error.status === 401) {
        me.value = null;
        socket?.close();
      }
      return null;
    }
  }

  function begin(found: Me): void {
    me.value = found;
    useCsrf(found.csrf);
    socket?.close();
    socket = new Socket("/api/desk/ws", onFrame, (open) => (connected.value = open));
    void socket.open();
  }

  async function restore(): Promise<void> {
    try {
      begin(await request<Me>("GET", "/api/desk/me"));
    } catch {
      me.value = null;
    }
    loaded.value = true;
  }

  async function login(agent: string, password: string): Promise<void> {
    begin(await request<Me>("POST", "/api/desk/login", { agent, password }));
    if (window.Notification?.permission === "default") void Notification.requestPermission();
  }

  async function logout(): Promise<void> {
    await act(() => request("POST", "/api/desk/logout", {}));
    socket?.close();
    me.value = null;
    pops.value = [];
  }

  const path = (pop: Pop, verb: string) => `/api/desk/handovers/${encodeURIComponent(pop.handover)}/${verb}`;

  async function setPresence(state: Presence): Promise<void> {
    const answer = await act(() => request<{ state: Presence }>("PUT", "/api/desk/presence", { state }));
    if (answer && me.value) me.value.presence = answer.state;
  }

  async function accept(pop: Pop): Promise<void> {
    document.title = "话务台 · 12345 热线";
    const answer = await act(() => request<Pop>("POST", path(pop, "accept"), {}));
    if (!answer) return;
    put(answer);
    if (me.value) me.value.presence = "busy";
  }

  async function decline(pop: Pop): Promise<void> {
    document.title = "话务台 · 12345 热线";
    if (await act(() => request("POST", path(pop, "decline"), {}))) drop(pop.handover);
  }

  async function end(pop: Pop): Promise<void> {
    if (await act(() => request("POST", path(pop, "end"), {}))) pop.status = "ended";
  }

  async function save(pop: Pop, type: TicketType, elements: Partial<Record<ElementName, ElementEdit>>): Promise<boolean> {
    const ticket = await act(() => request<Ticket>("PUT", path(pop, "elements"), { type, elements }));
    if (ticket) pop.ticket = ticket;
    return ticket !== null;
  }

  async function file(pop: Pop): Promise<void> {
    const answer = await act(() => request<{ no: string; ticket: Ticket }>("POST", path(pop, "file"), {}));
    if (!answer) return;
    pop.ticket = answer.ticket;
    ElMessage.success(`已登记，工单号 ${answer.no}，已告知市民`);
  }

  async function send(pop: Pop, text: string): Promise<void> {
    const answer = await act(() => request<{ item: Item }>("POST", path(pop, "messages"), { id: newId(), text }));
    if (answer) addItem(pop, answer.item);
  }

  async function redial(pop: Pop): Promise<void> {
    await act(() => request("POST", path(pop, "redial"), {}));
  }

  // Recordings arrive at the store some seconds after the call has ended.
  const recordingPath = (pop: Pop) => `/api/desk/conversations/${encodeURIComponent(pop.conversation)}/recording`;

  async function recording(pop: Pop): Promise<Recording | null> {
    return act(() => request<Recording>("GET", recordingPath(pop)));
  }

  async function listen(pop: Pop): Promise<string | null> {
    return (await act(() => request<{ url: string }>("POST", `${recordingPath(pop)}/listen`, {})))?.url ?? null;
  }

  function seek(pop: Pop, ms: number): void {
    sought.value = { handover: pop.handover, ms };
  }

  async function pauseRecording(pop: Pop, paused: boolean): Promise<void> {
    const answer = await act(() => request<{ paused: boolean }>("POST", path(pop, "recording"), { paused }));
    if (answer) unrecorded[pop.handover] = answer.paused;
  }

  async function showNumber(pop: Pop, reason: string): Promise<string | null> {
    return (await act(() => request<{ number: string }>("POST", path(pop, "number"), { reason })))?.number ?? null;
  }

  async function lookUp(question: string): Promise<Entry[]> {
    const answer = await act(() => request<{ entries: Entry[] }>("GET", `/api/desk/knowledge?q=${encodeURIComponent(question)}`));
    return answer?.entries ?? [];
  }

  /** The bot no longer answers with the entry until somebody has put it right. */
  async function reportWrong(pop: Pop, entry: Entry, reason: string): Promise<boolean> {
    const body = { reason, version: entry.version, handover: pop.handover };
    const answer = await act(() => request<{ due_at: string | null }>("POST", `/api/desk/knowledge/${encodeURIComponent(entry.id)}/dispute`, body));
    if (!answer) return false;
    ElMessage.success(answer.due_at ? `已报错，机器人不再用这一条；最迟 ${answer.due_at.slice(0, 10)} 改正` : "已报错，机器人不再用这一条");
    return true;
  }

  /** The citizen was answered on the spot with this entry: the question counts as settled at once. */
  async function answeredWith(pop: Pop, entry: Entry): Promise<boolean> {
    const answer = await act(() => request("POST", path(pop, "answered"), { entry: entry.id }));
    if (answer) ElMessage.success("已记为当场答复");
    return answer !== null;
  }

  const tellTyping = (pop: Pop) => socket?.send({ type: "typing", handover: pop.handover });

  return {
    me, loaded, waiting, agents, pops, current, currentId, connected, typing, sought, unrecorded,
    recording, listen, seek, pauseRecording,
    restore, login, logout, setPresence, accept, decline, end, save, file, send, redial, showNumber, lookUp, reportWrong, answeredWith, tellTyping, drop,
  };
}

export type DeskState = ReturnType<typeof useDesk>;
