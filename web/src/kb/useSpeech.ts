// The spoken answer as the phone would say it, played in the page.
import { onBeforeUnmount, ref } from "vue";
import { requestBytes } from "../shared/http";
import { act } from "./useSession";

export function useSpeech() {
  const busy = ref(false);
  const playing = ref(false);
  let context: AudioContext | null = null;
  let source: AudioBufferSourceNode | null = null;

  function stop(): void {
    source?.stop();
    source = null;
    playing.value = false;
  }

  async function play(text: string): Promise<void> {
    stop();
    context ??= new AudioContext();
    const sounds = context;
    busy.value = true;
    const bytes = await act(() => requestBytes("POST", "/api/kb/speech", { text }));
    const sound = bytes && (await act(() => sounds.decodeAudioData(bytes)));
    busy.value = false;
    if (!sound) return;
    await sounds.resume();
    source = sounds.createBufferSource();
    source.buffer = sound;
    source.connect(sounds.destination);
    source.onended = () => (playing.value = false);
    playing.value = true;
    source.start();
  }

  onBeforeUnmount(() => {
    stop();
    void context?.close();
  });
  return { busy, playing, play, stop };
}
