// Small pictures in SVG: axes, lines, dots, bars, one mark. Colors are those of the style sheet, so that they follow
// the theme by themselves; below stand a caption in words and the figures as a table.
import { h, s, text } from '../lib/dom.js';
import { ticks } from '../lib/evaluation.js';
import { figure } from '../lib/format.js';
import { TableBehind, tableOfColumns } from './table.js';

const WIDTH = 380,
    HEIGHT = 300,
    LEFT = 62, // at least
    TITLE = 24, // of the upright axis
    RIGHT = 18,
    TOP = 10,
    BOTTOM = 46,
    LETTER = 7; // as wide as a digit, about

/** {value, words}; of a row of them as many as have place beside each other. */
function labelled(values, width = Infinity) {
    const all = values.map((value) => ({ value, words: figure(value, 5) })),
        wide = LETTER * (2 + Math.max(...all.map(({ words }) => words.length))),
        step = Math.ceil((wide * (all.length - 1)) / width) || 1;
    return all.map((one, i) => (i % step === 0 ? one : { ...one, words: '' }));
}

/** {from, to, label, show} of each axis: numbers of the data into those of the picture, which begins at `left`. */
function scales(x, y) {
    const longest = Math.max(...labelled(ticks(y.from, y.to)).map(({ words }) => words.length)),
        left = Math.max(LEFT, TITLE + LETTER * longest),
        across = WIDTH - left - RIGHT,
        down = HEIGHT - TOP - BOTTOM;
    return {
        left,
        x: (value) => left + ((value - x.from) / (x.to - x.from)) * across,
        y: (value) => HEIGHT - BOTTOM - ((value - y.from) / (y.to - y.from)) * down,
    };
}

function axes(x, y, at) {
    const bottom = HEIGHT - BOTTOM,
        right = WIDTH - RIGHT,
        places = ticks(x.from, x.to),
        width = at.x(places.at(-1)) - at.x(places[0]);
    const vertical = labelled(places, width).map(({ value, words }) => [
        s('line', { class: 'grid-line', x1: at.x(value), x2: at.x(value), y1: TOP, y2: bottom }),
        s('text', { x: at.x(value), y: bottom + 16, 'text-anchor': 'middle' }, words),
    ]);
    const horizontal = labelled(ticks(y.from, y.to)).map(({ value, words }) => [
        s('line', { class: 'grid-line', x1: at.left, x2: right, y1: at.y(value), y2: at.y(value) }),
        s('text', { x: at.left - 6, y: at.y(value) + 4, 'text-anchor': 'end' }, words),
    ]);
    const middle = (TOP + bottom) / 2;
    return [
        vertical,
        horizontal,
        s('text', { class: 'axis', x: (at.left + right) / 2, y: HEIGHT - 6, 'text-anchor': 'middle' }, x.label),
        s(
            'text',
            { class: 'axis', x: 13, y: middle, 'text-anchor': 'middle', transform: `rotate(-90 13 ${middle})` },
            y.label,
        ),
    ];
}

const place = (value) => value.toFixed(1);

const draw = {
    line: ({ points, color, dash = [], width = 2 }, at) =>
        s('path', {
            class: 'line',
            d: points.map(([x, y], i) => `${i ? 'L' : 'M'}${place(at.x(x))} ${place(at.y(y))}`).join(''),
            'stroke-width': width,
            'stroke-dasharray': dash.join(' ') || 'none',
            style: { stroke: `var(${color})` },
        }),
    dots: ({ points, color }, at) =>
        s(
            'g',
            { class: 'dots', style: { fill: `var(${color})` } },
            points.map(([x, y]) => s('circle', { cx: place(at.x(x)), cy: place(at.y(y)), r: 2.6 })),
        ),
    bars: ({ bins, color }, at) =>
        s(
            'g',
            { class: 'bars', style: { fill: `var(${color})` } },
            bins.map(({ from, to, count }) =>
                s('rect', {
                    x: place(at.x(from) + 0.5),
                    width: place(Math.max(0.5, at.x(to) - at.x(from) - 1)),
                    y: place(at.y(count)),
                    height: place(at.y(0) - at.y(count)),
                }),
            ),
        ),
};

/**
 * {id, x, y: {from, to, label}, layers: [{kind: 'line', 'dots' or 'bars', color, ...}], columns: of the
 * table, caption}. Returns {element, mark([x, y] or null), say(caption)}.
 */
export function plot({ id, x, y, layers, columns, caption = '' }) {
    const at = scales(x, y),
        guide = s('path', { class: 'guide' }),
        ring = s('circle', { class: 'ring', r: 6 }),
        marked = s('g', { class: 'mark' }, guide, ring);
    marked.style.display = 'none';
    const svg = s(
        'svg',
        { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': caption },
        axes(x, y, at).flat(Infinity),
        layers.map((layer) => draw[layer.kind](layer, at)),
        marked,
    );
    const words = h('figcaption', null, caption);
    return {
        element: h('figure', { class: 'plot', id }, svg, words, new TableBehind(() => tableOfColumns(columns)).element),
        mark(point) {
            marked.style.display = point ? '' : 'none';
            if (!point) return;
            const [left, top] = [place(at.x(point[0])), place(at.y(point[1]))];
            ring.setAttribute('cx', left);
            ring.setAttribute('cy', top);
            guide.setAttribute('d', `M${left} ${HEIGHT - BOTTOM}V${top}H${at.left}`);
        },
        say(caption_) {
            text(words, caption_);
            svg.setAttribute('aria-label', caption_);
        },
    };
}
