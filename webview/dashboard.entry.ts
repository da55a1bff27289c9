/** The dashboard page: wires the extension's messages to the drawing. */
import './styles/dashboard.css';
import { registerComponents } from './components.ts';
import { DashboardPage } from './dashboardPage.ts';
import { connectExtension } from './extension.ts';

const extension = connectExtension((message) => {
  page.show(message.dashboard);
});
const page = new DashboardPage({
  root: required('page'),
  announcements: required('announcements'),
  selectHost: (host) => {
    extension.post({ type: 'selectHost', host });
  },
  run: (command) => {
    extension.post({ type: 'command', command });
  },
  remember: extension.remember,
});

registerComponents();
extension.post({ type: 'ready' });

function required(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no element #${id}`);
  return element;
}
