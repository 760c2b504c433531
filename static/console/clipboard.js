//! Puts text on the clipboard, and buttons that do. The browser's interface for it exists in secure contexts only, which a server on
//! a private address is not: there the older way is gone.

import { h, button } from './dom.js';

/** How long a button says that it has copied, in milliseconds. */
const SAYS_COPIED_MS = 1500;

export async function copyText(text) {
  if (navigator.clipboard && isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const field = h('textarea', { class: 'offscreen', 'aria-hidden': 'true', readonly: true });
  field.value = text;
  // Within an open dialog, since nothing outside it can be selected.
  const focused = document.activeElement;
  (focused?.closest('dialog') ?? document.body).append(field);
  field.select();
  const copied = document.execCommand('copy');
  field.remove();
  focused?.focus();
  if (!copied) throw new Error('The browser does not let this page copy. Select the text and copy it by hand.');
}

/** `text` answers (a promise of) what to copy; `attempt(what, action)` shows what fails. */
export function copyButton(label, { text, attempt, ...props }) {
  return button(label, {
    class: 'quiet', ...props,
    action: async (element) => {
      const copied = await attempt(label, async () => { await copyText(await text()); return true; });
      if (!copied) return;
      element.textContent = 'Copied';
      setTimeout(() => { element.textContent = label; }, SAYS_COPIED_MS);
    },
  });
}
