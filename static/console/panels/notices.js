//! Where a panel shows what went wrong: beside what was asked, until it is dismissed. A problem about the state of the
//! view itself (a list that can't be loaded) goes when the view is well again.

import { h, button } from '../dom.js';

/** How many problems stay in place; the log keeps all of them. */
const SHOWN_MAX = 4;

export class Notices {
  #view = null;

  constructor(id) {
    this.element = h('div', { class: 'notices', id, role: 'alert', 'aria-label': 'Problems' });
  }

  show(problem, what) {
    this.element.prepend(this.#render(problem, what));
    while (this.element.children.length > SHOWN_MAX) this.element.lastElementChild.remove();
  }

  /** The one standing problem of the view; null when it is well. */
  showView(problem, what) {
    this.#view?.remove();
    this.#view = problem ? this.#render(problem, what) : null;
    if (this.#view) this.element.append(this.#view);
  }

  clear() {
    this.#view = null;
    this.element.replaceChildren();
  }

  /** Runs an action and shows its problem here. Answers the action's value, or undefined where it failed. */
  async attempt(what, action) {
    try {
      return await action();
    } catch (problem) {
      this.show(problem, what);
      return undefined;
    }
  }

  #render(problem, what) {
    const box = h('div', { class: 'problem', data: { testid: 'problem', code: problem.code ?? '' } },
      h('div', { class: 'problem-head' },
        h('strong', {}, what),
        problem.status ? h('span', { class: 'badge bad' }, String(problem.status)) : null,
        problem.code ? h('code', {}, problem.code) : null,
        button('×', { action: () => box.remove(), class: 'quiet', 'aria-label': 'Dismiss' })),
      h('p', {}, sentence(problem)),
      problem.state ? h('p', {}, 'Current state: ', h('code', {}, String(problem.state))) : null,
      fieldProblems(problem.fields ?? []));
    return box;
  }
}

function sentence({ title, detail, message }) {
  if (!title) return message;
  return detail && detail !== title ? `${title}: ${detail}` : title;
}

function fieldProblems(fields) {
  if (fields.length === 0) return null;
  return h('ul', {}, fields.map((field) => h('li', {}, typeof field === 'string' ? field
    : [field.field ?? field.pointer ?? field.name, field.message ?? field.detail].filter(Boolean).join(': '))));
}
