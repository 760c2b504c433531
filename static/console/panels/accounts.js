//! The accounts in the page's head: one button for each demo account, a plain form for any other, all of them logged in side by side.

import { h, button, field, redraw } from '../dom.js';
import { Notices } from './notices.js';
import { qrCode } from '../qr.js';

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

/** What the server asks for next to the password, by the code of its refusal. */
const ASKS = { code_required: 'code', second_factor_required: 'code', wrong_code: 'code', new_password_required: 'new_password' };

/** Its problems are inside it and go when it has succeeded; the log keeps them. */
function loginForm(accounts) {
  const notices = new Notices('login-problems');
  const username = h('input', { id: 'login-username', autocomplete: 'username', required: true });
  const password = h('input', { id: 'login-password', type: 'password', autocomplete: 'current-password', required: true });
  const more = {
    code: h('input', { id: 'login-code', autocomplete: 'one-time-code', autocapitalize: 'none', spellcheck: 'false' }),
    new_password: h('input', { id: 'login-new-password', type: 'password', autocomplete: 'new-password' }),
  };
  const asked = {
    code: h('div', { hidden: true }, field('Code of your authenticator app, or a recovery code', more.code)),
    new_password: h('div', { hidden: true }, field('New password, to replace the one-time one', more.new_password)),
  };
  const told = h('div', { class: 'told', role: 'status', data: { testid: 'login-told' } });
  const form = h('form', { id: 'login-form', class: 'popover' },
    field('Username or phone', username), field('Password', password), told, Object.values(asked),
    h('button', { type: 'submit', class: 'primary', data: { testid: 'login-submit' } }, 'Log in'), notices.element);
  const details = h('details', { class: 'login', open: accounts.demo.length === 0 },
    h('summary', { data: { testid: 'login-other' } }, 'Other account'), form);

  /** Shows what is asked for; false where the refusal asks for nothing. */
  const ask = (problem) => {
    const name = ASKS[problem.code];
    if (!name) return false;
    asked[name].hidden = false;
    more[name].required = true;
    more[name].value = '';
    if (problem.code === 'second_factor_required') told.replaceChildren(...enrolment(problem.body));
    more[name].focus();
    return problem.code !== 'wrong_code';
  };
  const forget = () => {
    password.value = '';
    for (const [name, input] of Object.entries(more)) {
      asked[name].hidden = true;
      Object.assign(input, { value: '', required: false });
    }
    told.replaceChildren();
  };
  username.addEventListener('input', forget);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const name = username.value.trim();
    const sent = Object.fromEntries(Object.entries(more).filter(([, input]) => input.value).map(([key, input]) => [key, input.value]));
    let waits = false;
    const account = await notices.attempt(`Log in as ${name}`, async () => {
      try {
        return await accounts.login(name, password.value, sent);
      } catch (problem) {
        const isAnswer = ask(problem);
        waits = Boolean(ASKS[problem.code]);
        if (isAnswer) return null;
        throw problem;
      }
    });
    if (!waits) forget();
    if (!account) return;
    notices.clear();
    if (account.recoveryCodes.length > 0) told.replaceChildren(...recovery(account.recoveryCodes));
    else details.open = false;
  });
  return details;
}

/** The secret of a second factor that has to be made, for an app to scan or somebody to type. */
function enrolment({ secret, otpauth_uri: uri }) {
  return [
    h('p', {}, 'Operators need a second factor here. Scan this with an authenticator app, or type the secret, and log in with the code that it shows.'),
    qrCode(uri), h('code', { class: 'whole', data: { testid: 'login-secret' } }, secret),
  ];
}

function recovery(codes) {
  return [
    h('p', {}, 'You are logged in. Keep these recovery codes: each opens once without the app, and they are not shown again.'),
    h('ul', { class: 'notes', data: { testid: 'login-recovery' } }, codes.map((code) => h('li', {}, h('code', {}, code)))),
  ];
}
