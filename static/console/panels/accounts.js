//! The accounts in the page's head: one button for each demo account, a plain form for any other, all of them logged in side by side.

import { h, button, field, redraw } from '../dom.js';
import { Notices } from './notices.js';

/** Chips in the head; a fleet's other accounts are in a list behind them. */
const CHIPS_MAX = 7;

export function mountAccounts(root, { accounts, views }) {
  const notices = new Notices('account-problems');
  const chips = h('div', { class: 'chips', role: 'group', 'aria-label': 'Known accounts' });
  const list = h('div', { class: 'popover chips', role: 'group', 'aria-label': 'Further accounts' });
  const summary = h('summary', { data: { testid: 'accounts-more' } });
  const more = h('details', { class: 'login more' }, summary, list);
  const draw = () => {
    const { scenario } = views.current;
    const shown = foremost(accounts, scenario);
    const further = accounts.known.filter(({ username }) => !shown.has(username));
    const made = (account) => chip(accounts, account, notices);
    redraw(chips, [...accounts.known.filter(({ username }) => shown.has(username)).map(made), ...scenarioButton(accounts, scenario, notices)]);
    redraw(list, further.map(made));
    summary.textContent = `${further.length} more`;
    more.hidden = further.length === 0;
  };
  accounts.addEventListener('change', draw);
  views.addEventListener('change', draw);
  draw();
  root.append(chips, more, loginForm(accounts), notices.element);
  notices.attempt('Logging in again', () => accounts.restore());
}

/** The names to show first: those who are logged in, those whom the view needs, then the server's order. */
function foremost(accounts, scenario) {
  const rank = ({ username }) => (accounts.get(username) ? 0 : scenario.includes(username) ? 1 : 2);
  const ranked = accounts.known.map((account, index) => ({ account, index })).sort((a, b) => rank(a.account) - rank(b.account) || a.index - b.index);
  return new Set(ranked.slice(0, CHIPS_MAX).map(({ account }) => account.username));
}

function chip(accounts, { username, role, name }, notices) {
  const loggedIn = accounts.get(username) !== null;
  const enter = button(username, {
    testid: `account-${username}`,
    class: 'chip-name',
    'aria-pressed': String(loggedIn),
    title: loggedIn ? `${name ?? username} (${role}) is logged in` : `Log in as ${name ?? username} (${role})`,
    action: async () => {
      if (!loggedIn) await notices.attempt(`Log in as ${username}`, () => accounts.loginDemo(username));
    },
  });
  const leave = loggedIn && button('×', {
    testid: `logout-${username}`,
    class: 'quiet',
    'aria-label': `Log out ${username}`,
    action: () => notices.attempt(`Log out ${username}`, () => accounts.logout(username)),
  });
  return h('span', { class: `chip role-${role}${loggedIn ? ' on' : ''}`, data: { username } }, enter, leave);
}

/** Logs in whom a walk through the view needs, as long as none of them is there. */
function scenarioButton(accounts, scenario, notices) {
  const missing = scenario.filter((username) => accounts.isDemo(username) && !accounts.get(username));
  if (missing.length < scenario.length) return [];
  return [button(`Log in ${missing.join(' + ')}`, {
    testid: 'login-scenario',
    class: 'primary',
    action: () => notices.attempt('Log in', () => Promise.all(missing.map((name) => accounts.loginDemo(name)))),
  })];
}

/** Its problems are inside it and go when it has succeeded; the log keeps them. */
function loginForm(accounts) {
  const notices = new Notices('login-problems');
  const username = h('input', { id: 'login-username', autocomplete: 'username', required: true });
  const password = h('input', { id: 'login-password', type: 'password', autocomplete: 'current-password', required: true });
  const form = h('form', { id: 'login-form', class: 'popover' },
    field('Username or phone', username), field('Password', password),
    h('button', { type: 'submit', class: 'primary', data: { testid: 'login-submit' } }, 'Log in'), notices.element);
  const details = h('details', { class: 'login', open: accounts.demo.length === 0 },
    h('summary', { data: { testid: 'login-other' } }, 'Other account'), form);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const name = username.value.trim();
    const account = await notices.attempt(`Log in as ${name}`, () => accounts.login(name, password.value));
    password.value = '';
    if (!account) return;
    notices.clear();
    details.open = false;
  });
  return details;
}
