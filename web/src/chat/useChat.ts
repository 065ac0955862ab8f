// The chat's state: what the gateway says, what is on its way, and what the citizen sends.
import { onBeforeUnmount, onMounted, reactive, ref } from "vue";
import { request } from "../shared/http";
import { newId } from "../shared/show";
import { type Frame, Socket } from "../shared/socket";
import type { AgentName, ChatMessage, ChatState, City } from "../shared/types";

export interface Pending {
  id: string;
  text: string;
  frame: Frame;
}

interface Ready {
  conversation: string | null;
  state: ChatState;
  agent: AgentName | null;
  position: number | null;
  messages: ChatMessage[];
  max_length: number;
}

export function useChat() {
  const messages = ref<ChatMessage[]>([]);
  const pending = ref<Pending[]>([]);
  const status = reactive({
    state: "bot" as ChatState,
    agent: null as AgentName | null,
    position: null as number | null,
    typing: "" as "" | "bot" | "agent",
    connected: false,
    everConnected: false,
    notice: "",
    maxLength: 500,
  });
  const city = ref<City | null>(null);
  let typingTimer = 0;
  let lastTypingSent = 0;

  const settle = (id: string | null) => {
    if (id) pending.value = pending.value.filter((one) => one.id !== id);
  };

  function show(message: ChatMessage): void {
    settle(message.client_id);
    if (!messages.value.some((one) => one.id === message.id)) messages.value.push(message);
    if (message.from !== "citizen") status.typing = "";
  }

  function typing(frame: Frame): void {
    window.clearTimeout(typingTimer);
    status.typing = frame.on ? (frame.from as "bot" | "agent") : "";
    if (frame.on) typingTimer = window.setTimeout(() => (status.typing = ""), 6000);
  }

  function onFrame(frame: Frame): void {
    if (frame.type === "ready") {
      const ready = frame as unknown as Ready;
      messages.value = ready.messages;
      status.state = ready.state;
      status.agent = ready.agent;
      status.position = ready.position;
      status.maxLength = ready.max_length;
      for (const message of ready.messages) settle(message.client_id);
      for (const one of pending.value) socket.send(one.frame);
    } else if (frame.type === "message") show(frame.message as ChatMessage);
    else if (frame.type === "typing") typing(frame);
    else if (frame.type === "state") {
      status.state = frame.state as ChatState;
      status.agent = frame.agent as AgentName | null;
      status.position = frame.position as number | null;
    } else if (frame.type === "error") {
      status.notice = String(frame.message);
      settle(frame.id as string | null);
    }
  }

  const socket = new Socket(
    "/api/chat/ws",
    onFrame,
    (open) => {
      status.connected = open;
      status.everConnected ||= open;
    },
    async () => {
      await request("POST", "/api/chat/session", {});
    },
  );

  function submit(frame: Frame, text: string): void {
    status.notice = "";
    const id = newId();
    const whole = { ...frame, id };
    pending.value.push({ id, text, frame: whole });
    socket.send(whole);
  }

  const say = (text: string) => submit({ type: "say", text }, text);
  const choose = (key: string, title: string) => submit({ type: "choose", key }, title);
  const restart = () => socket.send({ type: "restart", id: newId() });

  function tellTyping(): void {
    if (status.state !== "agent" || Date.now() - lastTypingSent < 3000) return;
    lastTypingSent = Date.now();
    socket.send({ type: "typing" });
  }

  onMounted(() => {
    void socket.open();
    request<City>("GET", "/api/city")
      .then((found) => (city.value = found))
      .catch(() => undefined);
  });
  onBeforeUnmount(() => socket.close());

  return { messages, pending, status, city, say, choose, restart, tellTyping };
}
