/** The page's end of the line to its extension: validates what comes, and reports what goes wrong in the page. */
import { parseHostMessage, type HostMessage, type PageMessage, type PageState } from './protocol.ts';

/** What VS Code gives a page, once. */
interface VsCode {
  readonly postMessage: (message: unknown) => void;
  readonly setState: (state: unknown) => void;
}
declare function acquireVsCodeApi(): VsCode;

export interface Extension {
  readonly post: (message: PageMessage) => void;
  /** Kept while the page is hidden, and handed to the extension after a restart of the editor. */
  readonly remember: (state: PageState) => void;
}

export function connectExtension(receive: (message: HostMessage) => void): Extension {
  const vscode = acquireVsCodeApi();
  const post = (message: PageMessage): void => {
    vscode.postMessage(message);
  };
  const report = (message: string): void => {
    post({ type: 'problem', message: message.slice(0, 1000) });
  };
  window.addEventListener('message', (event: MessageEvent<unknown>) => {
    const parsed = parseHostMessage(event.data);
    if ('problem' in parsed) report(`a message of the extension was refused: ${parsed.problem}`);
    else receive(parsed.message);
  });
  window.addEventListener('error', (event) => {
    report(`${event.message} (line ${event.lineno})`);
  });
  window.addEventListener('unhandledrejection', (event) => {
    report(String(event.reason));
  });
  return {
    post,
    remember: (state) => {
      vscode.setState(state);
    },
  };
}
