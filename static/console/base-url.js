//! The server that copied lines are for: this page's, unless a tester names another. The page itself talks to nobody but its own
//! server; its policy (`connect-src 'self'`) sees to it, so that nothing that gets into the page can send tokens away.

const KEY = 'fleetwire.console.base-url';

export const baseUrl = {
  get value() {
    return localStorage.getItem(KEY) ?? location.origin;
  },

  /** Empty: this page's server again. Throws where it is no http address. */
  set value(text) {
    const typed = text.trim().replace(/\/+$/, '');
    if (typed === '' || typed === location.origin) {
      localStorage.removeItem(KEY);
      return;
    }
    const url = URL.parse ? URL.parse(typed) : new URL(typed);
    if (!url || !['http:', 'https:'].includes(url.protocol)) throw new Error('The base URL begins with http:// or https://, for example http://192.168.1.20:8000.');
    localStorage.setItem(KEY, url.origin + url.pathname.replace(/\/+$/, ''));
  },
};

/** What a tester typed, as a path of this server: the whole address is taken, too, if it is this server's. */
export function pathOf(text) {
  const typed = text.trim();
  if (!/^[a-z]+:\/\//i.test(typed)) return typed.startsWith('/') ? typed : `/${typed}`;
  const url = new URL(typed);
  if (url.host !== location.host) throw new Error(`This page may talk to ${location.host} only. Open the console of ${url.host}, or copy the line and run it in a shell.`);
  return url.pathname + url.search;
}
