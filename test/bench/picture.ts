/**
 * The picture: what things cost in folders of different sizes, as small log-log charts side by side, in SVG.
 */
import { type GrowthPanel, type GrowthPoint, growthPanels } from './growth.js';

const COLUMNS = 3;
const PANEL_WIDTH = 320;
const PANEL_HEIGHT = 250;
const MARGIN = { left: 58, right: 18, top: 34, bottom: 38 } as const;
const HEAD_HEIGHT = 64;
const FONT = 'font-family="Helvetica, Arial, sans-serif"';
const INK = '#222222';
const FAINT = '#e4e4e4';

/** Colours that differ for everybody, and shapes that differ without colour. */
const styles: Readonly<Record<string, { readonly colour: string; readonly dash: string; readonly name: string }>> = {
  ours: { colour: '#0b5fa5', dash: '', name: 'ours' },
  courier: { colour: '#d1495b', dash: '6 4', name: 'Courier' },
  dovecot: { colour: '#3a7d2c', dash: '2 3', name: 'Dovecot' },
};
const otherStyle = { colour: '#777777', dash: '8 3 2 3', name: 'another' };

/** An axis whose ticks are powers of ten. */
interface LogAxis {
  readonly low: number;
  readonly high: number;
  /** Pixel of `low` and of `high`. */
  readonly from: number;
  readonly to: number;
}

function place(value: number, { low, high, from, to }: LogAxis): number {
  return from + ((Math.log10(value) - low) / (high - low)) * (to - from);
}

/** Draws all panels that have points. */
export function drawPicture(points: readonly GrowthPoint[], caption: string): string {
  const panels = (Object.keys(growthPanels) as GrowthPanel[]).filter((key) =>
    points.some(({ panel }) => panel === key),
  );
  const width = COLUMNS * PANEL_WIDTH;
  const height = HEAD_HEIGHT + Math.ceil(panels.length / COLUMNS) * PANEL_HEIGHT;
  const servers = [...new Set(points.map(({ server }) => server))];
  const drawn = panels.map((panel, index) => {
    const x = (index % COLUMNS) * PANEL_WIDTH;
    const y = HEAD_HEIGHT + Math.floor(index / COLUMNS) * PANEL_HEIGHT;
    const own = points.filter((point) => point.panel === panel);
    return `<g transform="translate(${x} ${y})">\n${drawPanel(growthPanels[panel], own)}\n</g>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" ${FONT}>`,
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    text(16, 24, 'Cost against the size of the folder', { size: 16, weight: 'bold' }),
    text(16, 46, `${caption}; grey dots: in proportion to the folder`, { size: 11 }),
    ...servers.map((server, index) => legend(server, width - 110 * (servers.length - index), 24)),
    ...drawn,
    '</svg>\n',
  ].join('\n');
}

function styleOf(server: string): { readonly colour: string; readonly dash: string; readonly name: string } {
  return styles[server] ?? { ...otherStyle, name: server };
}

function legend(server: string, x: number, y: number): string {
  const { colour, name } = styleOf(server);
  return [
    line([x, y - 4], [x + 30, y - 4], `stroke="${colour}" stroke-width="2.5"${dashes(server)}`),
    marker(server, x + 15, y - 4),
    text(x + 38, y, name, { size: 13, colour }),
  ].join('\n');
}

function drawPanel(title: string, points: readonly GrowthPoint[]): string {
  const sizes = [...new Set(points.map(({ messages }) => messages))].sort((a, b) => a - b);
  const times = points.map(({ milliseconds }) => milliseconds);
  const right = PANEL_WIDTH - MARGIN.right;
  const bottom = PANEL_HEIGHT - MARGIN.bottom;
  const lowest = Math.floor(Math.log10(Math.min(...times)));
  const highest = Math.max(lowest + 1, Math.ceil(Math.log10(Math.max(...times))));
  const across: LogAxis = {
    low: Math.log10(sizes[0] ?? 1) - 0.1,
    high: Math.log10(sizes.at(-1) ?? 10) + 0.1,
    from: MARGIN.left,
    to: right,
  };
  const up: LogAxis = { low: lowest, high: highest, from: bottom, to: MARGIN.top };
  const servers = [...new Set(points.map(({ server }) => server))];
  return [
    text(MARGIN.left, MARGIN.top - 12, title, { size: 13, weight: 'bold' }),
    ...timeGrid(up, right),
    ...sizes.map((size) => {
      const x = place(size, across);
      const tick = line([x, MARGIN.top], [x, bottom], `stroke="${FAINT}"`);
      return `${tick}\n${text(x, bottom + 16, shownSize(size), { size: 11, anchor: 'middle' })}`;
    }),
    `<rect x="${MARGIN.left}" y="${MARGIN.top}" width="${right - MARGIN.left}" height="${bottom - MARGIN.top}" fill="none" stroke="#999999"/>`,
    text((MARGIN.left + right) / 2, bottom + 31, 'messages', { size: 10, anchor: 'middle', colour: '#666666' }),
    proportion(fastest(points, sizes[0]), across, up),
    ...servers.map((server) =>
      curve(
        server,
        points.filter((point) => point.server === server),
        across,
        up,
      ),
    ),
  ].join('\n');
}

/** The best times in folders of one size. */
function fastest(points: readonly GrowthPoint[], size: number | undefined): GrowthPoint[] {
  const all = points.filter(({ messages }) => messages === size);
  return all.sort((a, b) => a.milliseconds - b.milliseconds).slice(0, 1);
}

/** Where costs would go that grow as the folder grows, from the best in the smallest one. */
function proportion([first]: readonly GrowthPoint[], across: LogAxis, up: LogAxis): string {
  if (first === undefined) return '';
  const decades = Math.min(across.high - Math.log10(first.messages), up.high - Math.log10(first.milliseconds));
  const from = [place(first.messages, across), place(first.milliseconds, up)] as const;
  const to = [place(first.messages * 10 ** decades, across), place(first.milliseconds * 10 ** decades, up)] as const;
  return line(from, to, 'stroke="#aaaaaa" stroke-width="1" stroke-dasharray="1 4" stroke-linecap="round"');
}

/** A line for each power of ten, faint ones for 2 and 5. */
function timeGrid(up: LogAxis, right: number): string[] {
  const drawn: string[] = [];
  for (let power = up.low; power <= up.high; power += 1) {
    const y = place(10 ** power, up);
    drawn.push(line([MARGIN.left, y], [right, y], 'stroke="#cccccc"'));
    drawn.push(text(MARGIN.left - 6, y + 4, shownTime(10 ** power), { size: 11, anchor: 'end' }));
    for (const between of power < up.high ? [2, 5] : []) {
      const yBetween = place(between * 10 ** power, up);
      drawn.push(line([MARGIN.left, yBetween], [right, yBetween], `stroke="${FAINT}" stroke-dasharray="2 3"`));
    }
  }
  return drawn;
}

function curve(server: string, points: readonly GrowthPoint[], across: LogAxis, up: LogAxis): string {
  const { colour } = styleOf(server);
  const places = [...points]
    .sort((a, b) => a.messages - b.messages)
    .map(({ messages, milliseconds }) => ({ x: place(messages, across), y: place(milliseconds, up) }));
  const path = places.map(({ x, y }, index) => `${index === 0 ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`).join(' ');
  return [
    `<path d="${path}" fill="none" stroke="${colour}" stroke-width="2.5" stroke-linejoin="round"${dashes(server)}/>`,
    ...places.map(({ x, y }) => marker(server, x, y)),
  ].join('\n');
}

function dashes(server: string): string {
  const { dash } = styleOf(server);
  return dash === '' ? '' : ` stroke-dasharray="${dash}"`;
}

/** A disc, a square or a triangle. */
function marker(server: string, x: number, y: number): string {
  const { colour } = styleOf(server);
  const [left, top] = [(x - 4).toFixed(1), (y - 4).toFixed(1)];
  if (server === 'courier') return `<rect x="${left}" y="${top}" width="8" height="8" fill="${colour}"/>`;
  if (server === 'dovecot') return `<path d="M${left} ${(y + 4).toFixed(1)} l4 -8 l4 8 z" fill="${colour}"/>`;
  return `<circle cx="${x.toFixed(1)}" cy="${y.toFixed(1)}" r="4.5" fill="${colour}"/>`;
}

function line(from: readonly [number, number], to: readonly [number, number], attributes: string): string {
  const [x1, y1, x2, y2] = [...from, ...to].map((value) => value.toFixed(1));
  return `<line x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}" ${attributes}/>`;
}

interface TextStyle {
  readonly size: number;
  readonly anchor?: 'start' | 'middle' | 'end';
  readonly colour?: string;
  readonly weight?: string;
}

function text(x: number, y: number, words: string, style: TextStyle): string {
  const { size, anchor = 'start', colour = INK, weight = 'normal' } = style;
  const escaped = words.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" font-size="${size}" font-weight="${weight}" fill="${colour}" text-anchor="${anchor}">${escaped}</text>`;
}

function shownSize(messages: number): string {
  return messages >= 1000 ? `${messages / 1000}k` : String(messages);
}

function shownTime(milliseconds: number): string {
  if (milliseconds >= 1000) return `${milliseconds / 1000} s`;
  return milliseconds >= 1 ? `${milliseconds} ms` : `${Math.round(milliseconds * 1000)} µs`;
}
