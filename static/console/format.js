//! How values look: times, ages, money, one-line summaries, JSON without its secrets. Pure functions.

/** Fields that never appear in the log, whatever message or body they are in. */
const SECRETS = new Set(['token', 'access_token', 'refresh_token', 'password', 'old_password', 'new_password', 'one_time_password',
  'secret', 'otpauth_uri', 'recovery_codes', 'fcmToken', 'expoPushToken', 'apnsToken']);

/** The longest one-line summary, in characters: what fits beside a frame's type. */
const SUMMARY_CHARS_MAX = 160;

/** A copy of `value` with every secret replaced by its length. */
export function redact(value) {
  if (Array.isArray(value)) return value.map(redact);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => {
    if (!isSecret(name, inner)) return [name, redact(inner)];
    return [name, typeof inner === 'string' ? `(${inner.length} characters, hidden)` : `(${inner.length}, hidden)`];
  }));
}

/** Whether there is a secret in a message, or in a text that is none. */
export function hasSecrets(value) {
  if (typeof value === 'string') return /\beyJ[\w-]{10,}\./.test(value);
  if (value === null || typeof value !== 'object') return false;
  if (Array.isArray(value)) return value.some(hasSecrets);
  return Object.entries(value).some(([name, inner]) => isSecret(name, inner) || hasSecrets(inner));
}

function isSecret(name, value) {
  return SECRETS.has(name) && (typeof value === 'string' || Array.isArray(value));
}

export function prettyJson(value) {
  return typeof value === 'string' ? value : JSON.stringify(value, null, 2);
}

/** `order_id 105 · reason Customer cancelled`: the flat fields of a message's data. */
export function summarise(value) {
  if (typeof value === 'string') return clip(value);
  if (value === null || typeof value !== 'object') return value === undefined ? '' : String(value);
  const parts = Object.entries(value)
    .filter(([, inner]) => inner !== null && typeof inner !== 'object')
    .map(([name, inner]) => `${name} ${inner}`);
  return clip(parts.join(' · '));
}

function clip(text) {
  return text.length > SUMMARY_CHARS_MAX ? `${text.slice(0, SUMMARY_CHARS_MAX - 1)}…` : text;
}

/** `14:03:22.123`, in the browser's time zone. */
export function clockTime(date) {
  const two = (number) => String(number).padStart(2, '0');
  const millis = String(date.getMilliseconds()).padStart(3, '0');
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${millis}`;
}

/** A UUID is told from others by its beginning; an id that an app chose is a name. */
export function shortId(id) {
  return /^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(id) ? id.slice(0, 8) : id;
}

let currencyOfServer = 'USD';

/** The currency of amounts that come without one: the server's setting. */
export function setCurrency(currency) {
  if (currency) currencyOfServer = currency;
}

/** `ZAR 45.50`, `JPY 1,200`, `KWD 3.250`: each currency has the digits of its minor unit (ISO 4217). */
export function money(amount, currency) {
  if (typeof amount !== 'number') return '–';
  const code = currency ?? currencyOfServer;
  try {
    // The code and the amount stay together on one line: the browser puts a no-break space between them.
    return new Intl.NumberFormat('en', { style: 'currency', currency: code, currencyDisplay: 'code' }).format(amount);
  } catch {
    return `${code} ${amount}`;
  }
}

/** `<1 ms`, `12 ms`, `1.2 s`, `2 min 5 s`, `3 h 4 min`. */
export function duration(ms) {
  if (typeof ms !== 'number' || Number.isNaN(ms)) return '–';
  if (ms < 1) return '<1 ms';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min ${Math.round((ms % 60_000) / 1000)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** `373 m`, `1.2 km`. */
export function distance(metres) {
  if (typeof metres !== 'number') return '–';
  return metres < 1000 ? `${Math.round(metres)} m` : `${(metres / 1000).toFixed(1)} km`;
}

/** `12 s`, `4 min`, `3 h`, `2 d`. */
export function age(seconds) {
  if (typeof seconds !== 'number') return '–';
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} d`;
}

export function position(latitude, longitude) {
  if (typeof latitude !== 'number' || typeof longitude !== 'number') return '–';
  return `${latitude.toFixed(4)}, ${longitude.toFixed(4)}`;
}

/** `1 order`, `2 orders`. */
export function counted(count, noun) {
  return `${count} ${count === 1 ? noun : `${noun}s`}`;
}
