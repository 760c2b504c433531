//! Builds SVG elements, as `dom.js` builds HTML ones, and the small pictures that rows have. Geometry is attributes: the page's
//! policy forbids inline styles.

const SVG = 'http://www.w3.org/2000/svg';

export function s(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null) element.setAttribute(name, value);
  element.append(...children.flat(Infinity).filter(Boolean));
  return element;
}

/** A bar of `share` (0 to 1) of its room. It says in a picture what stands next to it in words. */
export function bar(share, kind = '') {
  const width = Math.max(1, Math.min(1, share) * 100);
  return s('svg', { class: `bar ${kind}`.trim(), viewBox: '0 0 100 6', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    s('rect', { class: 'room', width: 100, height: 6 }), s('rect', { class: 'part', width, height: 6 }));
}

/** Moments on a line of time: `marks` are `{at, kind}` with `at` from 0 to 1; the line is drawn between the first and the last. */
export function track(marks) {
  const at = (mark) => 2 + Math.max(0, Math.min(1, mark.at)) * 196;
  const [from, to] = [at(marks[0]), at(marks.at(-1))];
  return s('svg', { class: 'track', viewBox: '0 0 200 10', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    s('line', { class: 'room', x1: 2, x2: 198, y1: 5, y2: 5 }),
    s('line', { class: 'part', x1: from, x2: to, y1: 5, y2: 5 }),
    marks.map((mark) => s('rect', { class: `mark m-${mark.kind}`, x: at(mark) - 1.5, y: 0, width: 3, height: 10 })));
}
