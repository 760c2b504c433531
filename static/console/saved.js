//! Messages and requests that a tester keeps, in this browser. What holds a secret is refused, not saved without it: it would be
//! another message. Emits `change`.

import { hasSecrets } from './format.js';

const KEY = 'fleetwire.console.saved';
/** A list that is still read at a glance. */
const ITEMS_MAX = 40;
const NAME_CHARS_MAX = 40;

export class SavedMessages extends EventTarget {
  #items;

  constructor() {
    super();
    this.#items = read();
  }

  /** Those of one contract, or of `rest`. */
  of(contract) {
    return this.#items.filter((item) => item.contract === contract);
  }

  /** `item` is `{contract, name, text}`, and for REST `{method, path}` too. One of the same name is replaced. */
  save(item) {
    const name = item.name.trim().slice(0, NAME_CHARS_MAX);
    if (name === '') throw new Error('A saved message needs a name.');
    if (hasSecrets(parsed(item.text)) || /[?&](token|ride_key)=/.test(item.path ?? '')) {
      throw new Error('There is a token or a password in it, and secrets are not saved.');
    }
    const others = this.#items.filter((other) => !(other.contract === item.contract && other.name === name));
    if (others.length >= ITEMS_MAX) throw new Error(`${ITEMS_MAX} messages are saved already. Forget one first.`);
    this.#keep([...others, { ...item, name }]);
  }

  forget({ contract, name }) {
    this.#keep(this.#items.filter((item) => !(item.contract === contract && item.name === name)));
  }

  #keep(items) {
    this.#items = items;
    localStorage.setItem(KEY, JSON.stringify(items));
    this.dispatchEvent(new Event('change'));
  }
}

/** Whatever somebody else left under the key is none of ours. */
function read() {
  try {
    const items = JSON.parse(localStorage.getItem(KEY) ?? '[]');
    return Array.isArray(items) ? items.filter(({ contract, name, text }) => [contract, name, text].every((part) => typeof part === 'string')) : [];
  } catch {
    return [];
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
