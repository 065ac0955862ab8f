import { createApp } from "vue";
import Chat from "./Chat.vue";
import "./chat.css";

createApp(Chat).mount("#app");
