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
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** A button that carries out `action`; it is disabled until that is done, so that one click is one request. */
export function button(label, { testid, action, ...props }) {
  const element = h('button', { type: 'button', data: testid ? { testid } : {}, ...props }, label);
  element.addEventListener('click', async () => {
    if (element.disabled) return;
    element.disabled = true;
    try {
      await action(element);
    } finally {
      element.disabled = false;
    }
  });
  return element;
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
