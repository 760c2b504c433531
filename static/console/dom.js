//! Builds DOM elements. Text only ever enters as text nodes, never as markup: what a server or an app sent can't become
//! an element. Every panel uses it; it knows nothing of them.

/**
 * An element. In `props`, `on` maps event names to listeners, `data` fills the dataset, a boolean sets or omits an
 * attribute, and null or undefined omits it. Children that are null or false are left out.
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name === 'on') {
      for (const [type, listener] of Object.entries(value)) element.addEventListener(type, listener);
    } else if (name === 'data') {
      Object.assign(element.dataset, value);
    } else if (name === 'value') {
      element.value = value ?? '';
    } else if (value === true) {
      element.setAttribute(name, '');
    } else if (value !== false && value !== null && value !== undefined) {
      element.setAttribute(name, value);
    }
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/**
 * A button that carries out `action`; it does nothing until that is done, so that one click is one request. It says so instead of
 * being disabled: a disabled button loses the focus, and a keyboard its place.
 */
export function button(label, { testid, action, data = {}, ...props }) {
  const element = h('button', { type: 'button', data: testid ? { testid, ...data } : data, ...props }, label);
  element.addEventListener('click', async () => {
    if (element.ariaDisabled) return;
    element.ariaDisabled = 'true';
    try {
      await action(element);
    } finally {
      element.ariaDisabled = null;
    }
  });
  return element;
}

/** What tells the rows and cards of a list apart. */
const KEYS = ['orderId', 'jobId', 'rideId', 'bookingId', 'driverId', 'username', 'deviceId', 'key'];

/**
 * Puts new children into a list and keeps the focus where it was: on the same control of the same row, else on the row's next
 * sensible one.
 */
export function redraw(parent, children) {
  const active = parent.contains(document.activeElement) ? document.activeElement : null;
  const row = active && rowOf(active, parent);
  const control = active?.dataset.testid ?? null;
  parent.replaceChildren(...children);
  if (!row) return;
  const again = parent.querySelector(row);
  const same = control && again?.querySelector(`[data-testid="${control}"]`);
  (same || again?.querySelector('button.primary') || again?.querySelector('button'))?.focus({ preventScroll: true });
}

function rowOf(element, parent) {
  for (let at = element; at && at !== parent; at = at.parentElement) {
    const name = KEYS.find((key) => at.dataset[key] !== undefined);
    if (name && at !== element) return `[data-${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}="${CSS.escape(at.dataset[name])}"]`;
  }
  return null;
}

/** A word or a number that is told apart at a glance. */
export function badge(text, kind = '') {
  return h('span', { class: `badge ${kind}`.trim() }, text);
}

/** A control under its label. */
export function field(label, control, props = {}) {
  return h('label', { ...props, class: `field ${props.class ?? ''}`.trim() }, h('span', {}, label), control);
}

/** A job's or a driver's status, in the contract's own word. */
export function status(word) {
  return h('span', { class: `status s-${word.toLowerCase()}` }, word);
}

/** The options of a select from `[{value, label}]`, keeping the choice where it still exists. */
export function fillSelect(select, options) {
  const known = JSON.stringify(options);
  if (select.dataset.options === known) return;
  const chosen = select.value;
  select.dataset.options = known;
  select.replaceChildren(...options.map(({ value, label }) => h('option', { value }, label)));
  if (options.some(({ value }) => String(value) === chosen)) select.value = chosen;
}

/** A panel: a titled section with room for tools beside its title. */
export function panel(title, { id, tools = [] }, ...children) {
  return h('section', { class: 'panel', id, 'aria-labelledby': `${id}-title` },
    h('div', { class: 'panel-head' }, h('h2', { id: `${id}-title` }, title), ...tools),
    h('div', { class: 'panel-body' }, ...children));
}
