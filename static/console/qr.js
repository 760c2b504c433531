//! A QR code of a text as SVG, drawn here: the address of a server in one's own network is nobody else's business.

import { qrcode } from './vendor/qrcode-generator.js';
import { s } from './svg.js';

/** What a reader needs around the code, in modules (ISO 18004). */
const QUIET_ZONE = 4;

export function qrCode(text) {
  // The smallest that holds the text; a middling correction, since it is read from a screen.
  const code = qrcode(0, 'M');
  code.addData(text);
  code.make();
  const count = code.getModuleCount();
  const size = count + 2 * QUIET_ZONE;
  const indexes = Array.from({ length: count }, (_, index) => index);
  const path = indexes.flatMap((row) => indexes.filter((column) => code.isDark(row, column)).map((column) => `M${column + QUIET_ZONE} ${row + QUIET_ZONE}h1v1h-1z`)).join('');
  return s('svg', { class: 'qr', viewBox: `0 0 ${size} ${size}`, role: 'img', 'aria-label': `QR code of ${text}`, 'shape-rendering': 'crispEdges' },
    s('rect', { class: 'paper', width: size, height: size }), s('path', { class: 'ink', d: path }));
}
