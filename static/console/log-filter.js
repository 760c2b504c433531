//! Which entries of the log are shown. Pure, apart from remembering each entry's text for the next search.

/** What each choice of kinds lets through. */
export const KINDS = [
  { id: 'all', label: 'All', takes: () => true },
  { id: 'frames', label: 'Frames', takes: ({ kind }) => kind !== 'rest' },
  { id: 'rest', label: 'REST', takes: ({ kind }) => kind === 'rest' },
  { id: 'problems', label: 'Problems', takes: ({ tone }) => tone === 'bad' || tone === 'warn' },
];

const POSITIONS = new Set(['location_update', 'driver_location_update', 'driver_location', 'PUT /driver/location']);

const texts = new WeakMap();

/** `filter` is `{kind, text, source, type, positions}`; empty texts let everything through. */
export function matches(entry, { kind, text, source, type, positions }) {
  if (!KINDS.find(({ id }) => id === kind).takes(entry)) return false;
  if (!positions && POSITIONS.has(entry.type)) return false;
  if (source && entry.source !== source) return false;
  if (type && entry.type !== type) return false;
  return text.toLowerCase().split(/\s+/).every((word) => textOf(entry).includes(word));
}

/** All that is to be read of an entry, its JSON, too. */
function textOf(entry) {
  if (!texts.has(entry)) {
    const { source, type, summary = '', detail } = entry;
    texts.set(entry, `${source} ${type} ${summary} ${JSON.stringify(detail ?? '')}`.toLowerCase());
  }
  return texts.get(entry);
}
