//! One line of the log, and what a tester does with it once it is open: copy it, as a frame or as a line for a shell, send it again,
//! keep it.

import { h, button } from '../dom.js';
import { clockTime, prettyJson } from '../format.js';
import { baseUrl } from '../base-url.js';
import { copyButton } from '../clipboard.js';
import { curlLine, websocatLine } from '../commands.js';

const SIGNS = {
  in: { sign: '↓', label: 'received' },
  out: { sign: '↑', label: 'sent' },
  rest: { sign: '⇄', label: 'REST' },
  socket: { sign: '◆', label: 'socket' },
};

const SECRET = 'There was a secret in it, which the log does not keep. Send it from where it came from.';

/** `ctx` is `{sockets, saved}`, `attempt(what, action)` shows what fails. */
export function renderEntry(entry, { sockets, saved, attempt }) {
  const head = [
    h('time', { datetime: entry.at.toISOString() }, clockTime(entry.at)),
    h('span', { class: 'sign', role: 'img', 'aria-label': SIGNS[entry.kind].label }, SIGNS[entry.kind].sign),
    h('span', { class: 'source' }, entry.source),
    h('span', { class: 'type', title: entry.hint ?? null }, entry.type),
    Number.isInteger(entry.eventId) && h('span', { class: 'badge event', title: 'event id', data: { testid: 'event-id' } }, `#${entry.eventId}`),
    entry.replayed && h('span', { class: 'badge replayed' }, 'replayed'),
    h('span', { class: 'summary' }, entry.summary ?? ''),
  ];
  const details = h('details', {}, h('summary', { class: 'line' }, head));
  // Most lines are never opened.
  details.addEventListener('toggle', () => {
    if (details.children.length === 1) details.append(...opened(entry, { sockets, saved, attempt }));
  }, { once: true });
  const data = { testid: 'entry', seq: entry.seq, kind: entry.kind, type: entry.type };
  if (entry.replayed) data.replayed = 'true';
  if (Number.isInteger(entry.eventId)) data.eventId = entry.eventId;
  return h('li', { class: `entry k-${entry.kind} ${entry.tone ?? ''}`.trim(), data }, details);
}

function opened(entry, tools) {
  const parts = [h('div', { class: 'row entry-tools' }, entry.kind === 'rest' ? restTools(entry, tools) : socketTools(entry, tools))];
  if (entry.hint) parts.push(h('p', { class: 'muted inset' }, `${entry.type}: ${entry.hint}.`));
  parts.push(h('pre', { tabindex: '0', 'aria-label': 'Its JSON' }, entry.detail === undefined ? `${entry.type}: ${entry.summary}` : prettyJson(entry.detail)));
  return parts;
}

function restTools({ source, call, detail }, { saved, attempt }) {
  const token = async () => (isLogIn(call.path) || source === 'nobody' ? null : call.client.accessToken());
  return [
    copyButton('Copy JSON', { testid: 'copy-frame', attempt, text: () => prettyJson(detail) }),
    copyButton('Copy as curl', {
      testid: 'copy-curl', attempt, title: 'With the account’s token: anyone who has the line can do what the account can',
      text: async () => curlLine({ ...call, base: baseUrl.value, body: call.isWhole ? call.body : detail.request, token: await token() }),
    }),
    again(attempt, () => {
      if (!call.isWhole) throw new Error(SECRET);
      return source === 'nobody' ? call.client.callAsNobody(call.method, call.path, call.body) : call.client.call(call.method, call.path, call.body);
    }),
    keep(attempt, () => {
      if (!call.isWhole) throw new Error(SECRET);
      const text = call.body === undefined ? '' : JSON.stringify(call.body, null, 2);
      saved.save({ contract: 'rest', name: `${call.method} ${call.path.replace('/api/v1', '')}`, method: call.method, path: call.path, text });
    }),
  ];
}

function socketTools(entry, { sockets, saved, attempt }) {
  const { kind, socket, text, contract, detail, type, summary } = entry;
  const sent = kind === 'out';
  return [
    copyButton(kind === 'socket' ? 'Copy' : 'Copy frame', { testid: 'copy-frame', attempt, text: () => text ?? (detail === undefined ? `${type}: ${summary}` : prettyJson(detail)) }),
    copyButton('Copy as websocat', {
      testid: 'copy-websocat', attempt, title: 'Connects as this app, with its token, and sends the same',
      text: async () => websocatLine({ base: baseUrl.value, path: await socket.path(), token: await sockets.tokenOf(socket), text: sent ? text : undefined }),
    }),
    sent && again(attempt, () => {
      if (text === undefined) throw new Error(SECRET);
      socket.send(text);
    }),
    sent && keep(attempt, () => {
      if (text === undefined) throw new Error(SECRET);
      saved.save({ contract, name: type, text });
    }),
  ];
}

function again(attempt, action) {
  return button('Send again', { testid: 'send-again', class: 'quiet', action: () => attempt('Send again', action) });
}

function keep(attempt, action) {
  return button('Save', {
    testid: 'save-entry', class: 'quiet', title: 'Keep it in this browser, among the saved messages',
    action: async (element) => {
      if (await attempt('Save', () => { action(); return true; })) element.textContent = 'Saved';
    },
  });
}

const isLogIn = (path) => path.startsWith('/api/v1/auth/');
