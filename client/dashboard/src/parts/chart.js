// Curves on a canvas by uPlot, with what a canvas cannot say beside it: a legend, a caption in words, a table.
import uPlot from 'uplot';
import { align, broken, lastKnown } from '../lib/curves.js';
import { h, replace, s, text } from '../lib/dom.js';
import { figure } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { color, onTheme } from '../lib/theme.js';
import { strokeLine } from './stroke.js';
import { TableBehind, tableOfColumns } from './table.js';

/** A piece of line as it is drawn, for legends. */
export function swatch({ color: name, dash, width = 2 }) {
    return s(
        'svg',
        { class: 'swatch', viewBox: '0 0 28 10', 'aria-hidden': 'true' },
        s('line', {
            x1: 1,
            x2: 27,
            y1: 5,
            y2: 5,
            'stroke-width': width + 0.5,
            'stroke-dasharray': dash.join(' ') || 'none',
            style: { stroke: `var(${name})` },
        }),
    );
}

/** Of what happens on a chart, only where the cursor is goes to the others. */
function isMove(type) {
    return type === 'mousemove' || type === 'mouseleave';
}

function faded(rgb) {
    return rgb.replace(/^rgb\(/, 'rgba(').replace(/\)$/, ', 0.28)');
}

/**
 * A figure that draws lines: [{label, x, y, color, dash, width, faint, quiet, group}]: faint lines are the raw ones
 * behind smoothed ones, quiet ones are not in the legend; those of a group go with the legend's line of that name.
 * draw() may be called as often as there is news.
 */
export class Chart {
    /**
     * height in pixels; zoom(from, to) or zoom(null) is called when the reader picks a part; charts of the same sync
     * have their cursors in the same place.
     */
    constructor({ height = 320, zoom = () => {}, sync = null }) {
        this.height = height;
        this.zoom = zoom;
        this.sync = sync;
        this.plot = null;
        this.shape = '';
        this.hidden = new Set();
        this.canvas = h('div', { class: 'canvas', role: 'img', hidden: true, 'aria-label': t('words.nothing') });
        this.title = h('p', { class: 'soft legend-title', hidden: true });
        this.legend = h('ul', { class: 'legend' });
        this.caption = h('figcaption');
        this.table = new TableBehind(() => this.picture && this.figures());
        this.table.element.hidden = true;
        const parts = [this.title, this.legend, this.canvas, this.caption, this.table.element];
        this.element = h('figure', { class: 'chart' }, parts);
        this.observer = new ResizeObserver(() => this.resize());
        this.observer.observe(this.canvas);
        this.offTheme = onTheme(() => this.rebuild());
    }

    /** {lines, xLabel, yLabel, logX, logY, range: [from, to] or null, marks: [{x, y, color}], caption, legendTitle} */
    draw(picture) {
        this.picture = picture;
        const shown = picture.lines.filter(({ label, group }) => !this.hidden.has(group ?? label));
        this.lines = shown;
        this.data = align(shown.length ? shown : [{ x: [], y: [] }]);
        if (picture.logY)
            this.data = [
                this.data[0],
                ...this.data
                    .slice(1)
                    .map((column) => column.map((value) => (value !== null && value <= 0 ? undefined : value))),
            ];
        this.canvas.hidden = this.table.element.hidden = this.data[0].length === 0;
        text(this.caption, picture.caption);
        this.title.hidden = !picture.legendTitle;
        text(this.title, picture.legendTitle ?? '');
        this.canvas.setAttribute('aria-label', picture.caption);
        const shape = JSON.stringify([
            picture.logX,
            picture.logY,
            picture.xLabel,
            picture.yLabel,
            shown.map(({ label, color: c, dash, faint }) => [label, c, dash, faint]),
        ]);
        if (shape !== this.shape || !this.plot) {
            this.shape = shape;
            this.rebuild();
        } else {
            this.plot.setData(this.data);
        }
        this.showLegend();
        this.table.fill();
    }

    rebuild() {
        this.plot?.destroy();
        this.plot = null;
        const width = this.canvas.clientWidth;
        if (!this.picture || width === 0) return;
        this.plot = new uPlot(this.options(width), this.data, this.canvas);
    }

    resize() {
        const width = this.canvas.clientWidth;
        if (!this.plot) this.rebuild();
        else if (width && width !== this.plot.width) this.plot.setSize({ width, height: this.height });
    }

    axis(label, size) {
        const values = (_, splits) => splits.map((value) => (value === null ? null : figure(value, 5)));
        return {
            label,
            labelSize: 22,
            labelFont: '12px system-ui, sans-serif',
            font: '11.5px system-ui, sans-serif',
            size,
            values,
            stroke: color('--ink-soft'),
            grid: { stroke: color('--grid'), width: 1 },
            ticks: { stroke: color('--grid'), width: 1, size: 5 },
        };
    }

    options(width) {
        const { logX, logY, xLabel, yLabel } = this.picture;
        const range = (u, least, most) => {
            const [from, to] = this.picture.range ?? [least, most];
            return from === to ? [logX ? from / 1.5 : from - 0.5, logX ? from * 1.5 : from + 0.5] : [from, to];
        };
        return {
            width,
            height: this.height,
            padding: [10, 16, 0, 0],
            legend: { show: false },
            scales: { x: { time: false, distr: logX ? 3 : 1, range }, y: { distr: logY ? 3 : 1 } },
            axes: [this.axis(xLabel, 34), this.axis(yLabel, 62)],
            cursor: {
                drag: { x: true, y: false, setScale: false, dist: 6 },
                focus: { prox: this.lines.length > 4 ? 24 : -1 },
                ...(this.sync && { sync: { key: this.sync, setSeries: false, filters: { pub: isMove } } }),
                bind: { dblclick: () => () => this.zoom(null) },
            },
            focus: { alpha: 0.25 },
            series: [{}, ...this.lines.map((line) => this.series(line))],
            hooks: {
                setSelect: [(u) => u.select.width > 0 && this.picked(u)],
                setCursor: [(u) => this.showValues(u.cursor.idx)],
                drawSeries: [(u, i) => this.drawLine(u, i)],
                draw: [(u) => this.drawMarks(u)],
            },
        };
    }

    series({ label, color: name, width = 2, faint }) {
        const stroke = faint ? faded(color(name)) : color(name);
        return {
            label,
            stroke,
            width: faint ? 1 : width,
            paths: () => null, // see drawLine
            points: {
                show: (u, i) => !faint && u.data[i].reduce((n, value) => n + (typeof value === 'number'), 0) <= 40,
                size: 5,
                fill: stroke,
            },
        };
    }

    picked(u) {
        const from = u.posToVal(u.select.left, 'x'),
            to = u.posToVal(u.select.left + u.select.width, 'x');
        u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        this.zoom(from, to);
    }

    /** The line of a series, up to the points just outside of what is shown. */
    drawLine(u, i) {
        const { ctx, bbox, data } = u,
            { alpha, width } = u.series[i],
            { color: name, dash, faint } = this.lines[i - 1],
            thick = width * devicePixelRatio,
            between = (thick % 2) / 2; // an odd width lies on whole pixels then
        const [first, last] = u.series[0].idxs,
            places = [];
        let from = Math.max(0, first - 1),
            to = Math.min(data[0].length - 1, last + 1);
        while (from > 0 && data[i][from] === undefined) from--;
        while (to < data[0].length - 1 && data[i][to] === undefined) to++;
        for (let at = from; at <= to; at++) {
            const value = data[i][at];
            if (value === undefined) continue;
            const place = (scale, v) => Math.round(u.valToPos(v, scale, true)) + between;
            places.push(value === null ? null : [place('x', data[0][at]), place('y', value)]);
        }
        ctx.save();
        ctx.beginPath();
        ctx.rect(bbox.left - thick / 2, bbox.top - thick / 2, bbox.width + thick, bbox.height + thick);
        ctx.clip();
        ctx.globalAlpha = alpha;
        ctx.lineWidth = thick;
        ctx.lineJoin = 'round';
        ctx.strokeStyle = faint ? faded(color(name)) : color(name);
        strokeLine(ctx, places, {
            dash: faint ? [] : dash.map((part) => part * devicePixelRatio),
            whole: faint,
        });
        ctx.restore();
    }

    /** Rings around what is marked, and a cross at the upper edge where a value is not a finite number. */
    drawMarks(u) {
        const { ctx, bbox } = u,
            edge = 7 * devicePixelRatio;
        ctx.save();
        ctx.beginPath();
        ctx.rect(bbox.left - edge, bbox.top - edge, bbox.width + 2 * edge, bbox.height + 2 * edge);
        ctx.clip();
        ctx.lineWidth = 2 * devicePixelRatio;
        ctx.setLineDash([]);
        for (const { x, y, color: name } of this.picture.marks ?? []) {
            ctx.strokeStyle = color(name);
            ctx.fillStyle = color('--surface');
            ctx.beginPath();
            ctx.arc(u.valToPos(x, 'x', true), u.valToPos(y, 'y', true), 5 * devicePixelRatio, 0, 2 * Math.PI);
            ctx.fill();
            ctx.stroke();
        }
        for (const line of this.lines.filter(({ faint }) => !faint)) this.drawBroken(ctx, u, line, bbox.top + edge);
        ctx.restore();
    }

    drawBroken(ctx, u, line, y) {
        const r = 4 * devicePixelRatio;
        ctx.strokeStyle = color(line.color);
        ctx.beginPath();
        for (const place of broken(line).slice(0, 500)) {
            const x = u.valToPos(place, 'x', true);
            ctx.moveTo(x - r, y - r);
            ctx.lineTo(x + r, y + r);
            ctx.moveTo(x + r, y - r);
            ctx.lineTo(x - r, y + r);
        }
        ctx.stroke();
    }

    // ---- beside the canvas
    // --------------------------------------------------------------------------------------------

    showLegend() {
        const lines = this.picture.lines.filter(({ quiet, faint }) => !quiet && !faint);
        const shape = JSON.stringify(lines.map(({ label, color: c, dash }) => [label, c, dash]));
        if (shape !== this.legendShape) {
            this.legendShape = shape;
            replace(
                this.legend,
                lines.map((line) =>
                    h(
                        'li',
                        null,
                        h(
                            'button',
                            {
                                class: 'quiet',
                                'aria-pressed': 'true',
                                title: t('chart.toggle'),
                                onclick: (event) => this.toggle(line.label, event.currentTarget),
                            },
                            swatch(line),
                            h('span', null, line.label),
                            h('span', { class: 'value' }),
                        ),
                    ),
                ),
            );
        }
        this.showValues(this.plot?.cursor.idx);
    }

    toggle(label, button) {
        const hide = !this.hidden.has(label);
        this.hidden[hide ? 'add' : 'delete'](label);
        button.setAttribute('aria-pressed', String(!hide));
        this.draw(this.picture);
    }

    /** The values under the cursor, or the last ones. */
    showValues(index) {
        const values = new Map();
        this.lines.forEach((line, i) => {
            const column = this.data[i + 1],
                known = lastKnown(index === null || index === undefined ? column : column.slice(0, index + 1));
            if (!line.faint) values.set(line.label, known < 0 ? '–' : figure(column[known]));
        });
        for (const item of this.legend.children) {
            const [, label, value] = item.firstChild.children;
            text(value, values.get(label.textContent) ?? '');
        }
    }

    figures() {
        const lines = this.picture.lines.filter(({ faint }) => !faint),
            [places, ...columns] = align(lines);
        return tableOfColumns([
            { name: this.picture.xLabel, values: places },
            ...lines.map(({ label }, i) => ({ name: label, values: columns[i] })),
        ]);
    }

    close() {
        this.offTheme();
        this.observer.disconnect();
        this.plot?.destroy();
    }
}
