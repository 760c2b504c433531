//! Fills the page of the sockets from asyncapi.json: for each contract its address, its messages by direction with
//! fields, meaning and examples, and for all of them the close and error codes.

import { h } from '/console/dom.js';

const DIRECTIONS = [['from_the_app', 'From the app'], ['to_the_app', 'To the app']];
const CONTRACTS = { driver_app: 'Driver app', ride_hailing: 'Ride hailing', ride_matching: 'Ride matching' };

/** Text in which `code` is marked, and [words](address) are a link within this server. */
function prose(text) {
  const parts = text.split(/(`[^`]+`|\[[^\]]+\]\(\/[^)\s]*\))/);
  return parts.map((part) => {
    const link = /^\[(.+)\]\((\/.*)\)$/.exec(part);
    if (link) return h('a', { href: link[2] }, link[1]);
    return part.startsWith('`') && part.endsWith('`') && part.length > 2 ? h('code', {}, part.slice(1, -1)) : part;
  });
}

/** Paragraphs and lists, as descriptions have them. */
function paragraphs(text) {
  return text.split('\n\n').map((block) => {
    const lines = block.split('\n');
    if (!lines.every((line) => line.startsWith('- '))) return h('p', {}, prose(block));
    return h('ul', { class: 'plain' }, lines.map((line) => h('li', {}, prose(line.slice(2)))));
  });
}

/** Of a choice between null and something else, that. */
function notNull(schema) {
  const choices = schema.anyOf ?? [];
  return choices.some(({ type }) => type === 'null') ? choices.find(({ type }) => type !== 'null') ?? schema : schema;
}

const words = (schema) => {
  if (schema.const !== undefined) return [schema.const];
  if (schema.enum) return schema.enum;
  const choices = schema.oneOf?.map(words);
  return choices?.every((one) => one) ? choices.flat() : null;
};

/** A schema's type in a line. */
function kindOf(schema) {
  const inner = notNull(schema);
  if (inner !== schema) return `${kindOf(inner)} or null`;
  if (schema.items) return `list of ${kindOf(schema.items)}`;
  const known = words(schema);
  if (known) return known.length > 20 ? 'error code' : known.map((word) => JSON.stringify(word)).join(' | ');
  const types = [schema.type ?? 'object'].flat().join(' or ');
  const [least, most] = [schema.minimum, schema.maximum];
  const range = least === undefined && most === undefined ? '' : `, ${least ?? ''} to ${most ?? ''}`;
  const form = types.includes('string') && (schema.format ?? schema.pattern);
  return `${types}${form ? ` (${form})` : ''}${range}`;
}

/** Every field of an object, and of the objects in it, by its path. Of a choice each field may be missing. */
function fieldsOf(schema, path = '', isChoice = false) {
  const inner = notNull(schema);
  const below = path && `${path}.`;
  const own = Object.entries(inner.properties ?? {}).flatMap(([name, member]) => {
    const isRequired = !isChoice && (inner.required ?? []).includes(name);
    const field = { path: `${below}${name}`, kind: kindOf(member), isRequired, meaning: member.description ?? '' };
    const content = notNull(member);
    return [field, ...(content.items ? fieldsOf(content.items, `${field.path}[]`) : fieldsOf(content, field.path))];
  });
  const parts = (inner.allOf ?? []).flatMap((part) => fieldsOf(part, path, isChoice));
  const choices = [inner.oneOf, inner.anyOf].filter(Boolean).flat().flatMap((choice) => fieldsOf(choice, path, true));
  return [...own, ...parts, ...choices];
}

function table(caption, heads, rows) {
  return h('table', { class: 'docs-table' },
    h('caption', {}, caption),
    h('thead', {}, h('tr', {}, heads.map((head) => h('th', { scope: 'col' }, head)))),
    h('tbody', {}, rows.map(([first, ...others]) => h('tr', {}, h('th', { scope: 'row' }, first), others.map((cell) => h('td', {}, cell))))));
}

function fieldTable(fields) {
  const rows = fields.map(({ path, kind, isRequired, meaning }) => [
    [h('code', {}, path), isRequired ? null : h('span', { class: 'optional' }, ' optional')],
    h('span', { class: 'kind' }, kind),
    prose(meaning.replace(/\s+/g, ' ')),
  ]);
  return table('Fields besides type', ['Field', 'Type', 'Meaning'], rows);
}

function messageBlock(id, message) {
  const fields = fieldsOf(message.payload).filter(({ path }) => path !== 'type');
  const examples = (message.examples ?? []).map(({ name, payload }) => [
    name === message.name ? null : h('p', { class: 'optional' }, name),
    h('pre', { tabindex: '0', 'aria-label': `Example of ${message.name}` }, JSON.stringify(payload, null, 2)),
  ]);
  return h('article', { class: 'docs-message', id },
    h('h4', {}, h('a', { href: `#${id}` }, message.name)),
    h('p', {}, prose(message.summary ?? '')),
    fields.length > 0 && fieldTable(fields),
    examples.length > 0 && h('details', {}, h('summary', {}, examples.length > 1 ? 'Examples' : 'Example'), examples));
}

/** The channels of one contract are the addresses of the same socket. */
function contractSection(name, title, api) {
  const channels = Object.entries(api.channels).filter(([id]) => id === name || id === `${name}_slash`).map(([, channel]) => channel);
  const [channel] = channels;
  const query = Object.entries(channel.bindings?.ws?.query?.properties ?? {});
  const parameters = Object.entries(channel.parameters ?? {});
  const address = parameters.map(([id, { description }]) => [h('code', {}, id), 'path', prose(description)])
    .concat(query.map(([id, schema]) => [h('code', {}, id), kindOf(schema), prose(schema.description ?? queryMeaning(id, api))]));
  return h('section', { id: name, 'aria-labelledby': `${name}-title` },
    h('h2', { id: `${name}-title` }, title),
    h('p', {}, channels.flatMap(({ address: one }, index) => [index > 0 ? ' or ' : null, h('code', {}, one)])),
    h('p', {}, prose(channel.description ?? '')),
    address.length > 0 && table('In the address', ['Name', 'Type', 'Meaning'], address),
    DIRECTIONS.map(([direction, label]) => [
      h('h3', { id: `${name}.${direction}` }, label),
      messagesOf(api, name, direction).map(([id, message]) => messageBlock(id, message)),
    ]));
}

/** A parameter that is a way to authenticate means what the document says of that. */
function queryMeaning(name, api) {
  if (name === 'last_event_id') return 'The last event that the app knows: what came after it is sent again.';
  const schemes = Object.values(api.components.securitySchemes);
  return schemes.find((scheme) => scheme.in === 'query' && scheme.name === name)?.description ?? '';
}

function messagesOf(api, contract, direction) {
  const beginning = `${contract}.${direction}.`;
  return Object.entries(api.components.messages).filter(([id]) => id.startsWith(beginning));
}

function codes(api) {
  const close = api['x-close-codes'].map(({ code, reason, reconnect, meaning }) => [h('code', {}, code), reason, meaning, reconnect]);
  const errors = api['x-error-codes'].map(({ code, meaning, retry }) => [h('code', {}, code), meaning, retry]);
  return [
    h('section', { id: 'close-codes', 'aria-labelledby': 'close-codes-title' },
      h('h2', { id: 'close-codes-title' }, 'Close codes'),
      table('With these the server closes a socket', ['Code', 'Reason', 'Meaning', 'Come back'], close)),
    h('section', { id: 'error-codes', 'aria-labelledby': 'error-codes-title' },
      h('h2', { id: 'error-codes-title' }, 'Error codes'),
      table('The code of an error message', ['Code', 'Meaning', 'Try again'], errors)),
  ];
}

function contents(api) {
  const link = (id, text) => h('a', { href: `#${id}` }, text);
  const list = (items) => h('ul', {}, items.map((item) => h('li', {}, item)));
  return [
    Object.entries(CONTRACTS).map(([name, title]) => [
      h('h2', {}, link(name, title)),
      DIRECTIONS.map(([direction, label]) => [
        h('h3', {}, label),
        list(messagesOf(api, name, direction).map(([id, message]) => link(id, message.name))),
      ]),
    ]),
    h('h2', {}, link('close-codes', 'Close codes')),
    h('h2', {}, link('error-codes', 'Error codes')),
  ].flat(Infinity);
}

function show(api) {
  const document_ = document.getElementById('document');
  document_.replaceChildren(
    h('section', { 'aria-labelledby': 'about-title' },
      h('h2', { id: 'about-title' }, api.info.title), h('p', {}, `Version ${api.info.version}`), paragraphs(api.info.description)),
    ...Object.entries(CONTRACTS).map(([name, title]) => contractSection(name, title, api)),
    ...codes(api),
  );
  document.getElementById('contents').replaceChildren(...contents(api));
  // The address may name a message, which was not there when the page was loaded.
  if (location.hash) document.getElementById(decodeURIComponent(location.hash.slice(1)))?.scrollIntoView();
}

async function load() {
  const response = await fetch('/asyncapi.json');
  if (!response.ok) throw new Error(`asyncapi.json is answered with ${response.status}`);
  return response.json();
}

load().then(show, (error) => {
  const note = h('p', { class: 'docs-note problem', role: 'alert' }, `The description can't be loaded: ${error.message}. Reload the page to try again.`);
  document.getElementById('document').replaceChildren(note);
});
