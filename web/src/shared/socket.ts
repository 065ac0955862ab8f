// A WebSocket that comes back by itself: 1, 2, 4, then every 8 seconds.

export interface Frame {
  type: string;
  [key: string]: unknown;
}

export class Socket {
  private socket: WebSocket | null = null;
  private tries = 0;
  private closed = false;
  private timer = 0;

  constructor(
    private readonly path: string,
    private readonly onFrame: (frame: Frame) => void,
    private readonly onState: (open: boolean) => void,
    private readonly beforeOpen: () => Promise<void> = async () => {},
  ) {}

  async open(): Promise<void> {
    if (this.closed) return;
    try {
      await this.beforeOpen();
    } catch {
      this.retry();
      return;
    }
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const socket = new WebSocket(`${scheme}://${location.host}${this.path}`);
    this.socket = socket;
    socket.onopen = () => {
      this.tries = 0;
      this.onState(true);
    };
    socket.onmessage = (event: MessageEvent<string>) => this.onFrame(JSON.parse(event.data) as Frame);
    socket.onclose = () => {
      this.onState(false);
      this.retry();
    };
  }

  private retry(): void {
    if (this.closed) return;
    const wait = Math.min(8, 2 ** this.tries++) * 1000;
    this.timer = window.setTimeout(() => void this.open(), wait);
  }

  send(frame: Frame): boolean {
    if (this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(frame));
    return true;
  }

  close(): void {
    this.closed = true;
    window.clearTimeout(this.timer);
    this.socket?.close();
  }
}
