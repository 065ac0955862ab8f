// Questions to the person before something that cannot simply be undone.
import { ElMessageBox } from "element-plus/es/components/message-box/index.mjs";

export async function confirmed(title: string, text: string, button: string): Promise<boolean> {
  try {
    await ElMessageBox.confirm(text, title, { confirmButtonText: button, cancelButtonText: "取消", type: "warning" });
    return true;
  } catch {
    return false;
  }
}

/** A sentence of 2 to `most` characters, or null when the person thought better of it. */
export async function askWords(title: string, text: string, button: string, most = 500): Promise<string | null> {
  document.addEventListener("keydown", onKey);
  try {
    const { value } = await ElMessageBox.prompt(text, title, {
      confirmButtonText: button,
      cancelButtonText: "取消",
      inputType: "textarea",
      inputPlaceholder: window.matchMedia("(pointer: fine)").matches ? "Ctrl + Enter 确定" : "",
      inputValidator: (words: string) => ((words ?? "").trim().length >= 2 && words.length <= most ? true : `请写 2 到 ${most} 个字`),
    });
    return value.trim();
  } catch {
    return null;
  } finally {
    document.removeEventListener("keydown", onKey);
  }
}

function onKey(event: KeyboardEvent): void {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) document.querySelector<HTMLElement>(".el-message-box__btns .el-button--primary")?.click();
}
