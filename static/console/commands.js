//! What the console does, as lines for a shell: `curl` for REST, `websocat` for sockets. Pure. The base URL is the tester's to
//! choose, so that a line can go to another server than this page's.

export function quoted(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** `token` is null for nobody. Without an `Idempotency-Key`: the line may be run again. */
export function curlLine({ base, method, path, body, token }) {
  const parts = ['curl -sS'];
  if (method !== 'GET') parts.push(`-X ${method}`);
  parts.push(quoted(base + path));
  if (token) parts.push(`-H ${quoted(`authorization: Bearer ${token}`)}`);
  if (body !== undefined && body !== null) parts.push("-H 'content-type: application/json'", `-d ${quoted(typeof body === 'string' ? body : JSON.stringify(body))}`);
  return parts.join(' ');
}

/** With `text`, a line that sends it and then listens; `-n` keeps the connection after it. */
export function websocatLine({ base, path, token, text }) {
  const header = token ? `-H=${quoted(`authorization: Bearer ${token}`)} ` : '';
  const address = quoted(base.replace(/^http/, 'ws') + path);
  if (text === undefined) return `websocat ${header}${address}`;
  return `printf '%s\\n' ${quoted(text)} | websocat -n ${header}${address}`;
}
