//! The accounts in the page's head: one button for each demo account, a plain form for any other, all of them logged in side by side.

import { h, button, field } from '../dom.js';
import { Notices } from './notices.js';

export function mountAccounts(root, { accounts, views }) {
  const notices = new Notices('account-problems');
  const chips = h('div', { class: 'chips', role: 'group', 'aria-label': 'Known accounts' });
  const draw = () => chips.replaceChildren(
    ...accounts.known.map((account) => chip(accounts, account, notices)),
    ...scenarioButton(accounts, views.current.scenario, notices));
  accounts.addEventListener('change', draw);
  views.addEventListener('change', draw);
  draw();
  root.append(chips, loginForm(accounts), notices.element);
  notices.attempt('Logging in again', () => accounts.restore());
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
  return h('span', { class: `chip role-${role}${loggedIn ? ' on' : ''}` }, enter, leave);
}

/** Who a walk through the view needs, as long as nobody of them is there. */
function scenarioButton(accounts, scenario, notices) {
  const missing = scenario.filter((username) => accounts.isDemo(username) && !accounts.get(username));
  if (missing.length < scenario.length) return [];
  return [button(`Log in ${missing.join(' + ')}`, {
    testid: 'login-scenario',
    class: 'primary',
    action: () => notices.attempt('Log in', () => Promise.all(missing.map((name) => accounts.loginDemo(name)))),
  })];
}

/** Its problems stand inside it and go when it has succeeded; the log keeps them. */
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
