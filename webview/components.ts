/** The only place that knows the toolkit: pages use its elements by their names, as plain custom elements. */
import { html } from '@microsoft/fast-element';
import {
  provideVSCodeDesignSystem,
  vsCodeBadge,
  vsCodeButton,
  vsCodeDropdown,
  vsCodeOption,
  vsCodeProgressRing,
  vsCodeTag,
} from '@vscode/webview-ui-toolkit';

/** The toolkit's own template has an inline style for colours that nobody sets here; the page's policy would refuse it. */
const template = html`<div class="control" part="control"><slot></slot></div>`;

export function registerComponents(): void {
  provideVSCodeDesignSystem().register(
    vsCodeBadge({ template }),
    vsCodeButton(),
    vsCodeDropdown(),
    vsCodeOption(),
    vsCodeProgressRing(),
    vsCodeTag({ template }),
  );
}
