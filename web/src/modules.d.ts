declare module "@novnc/novnc" {
  /** One connection to a VNC server through a WebSocket; see noVNC's docs/API.md. */
  export default class RFB extends EventTarget {
    constructor(target: HTMLElement, url: string, options?: { shared?: boolean; wsProtocols?: string[] });
    scaleViewport: boolean;
    viewOnly: boolean;
    background: string;
    showDotCursor: boolean;
    disconnect(): void;
    focus(): void;
    sendCtrlAltDel(): void;
    sendKey(keysym: number, code: string | null, down?: boolean): void;
  }
}
