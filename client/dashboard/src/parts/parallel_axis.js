// One of several parallel axes, with the range on it that filters: drawn by the mouse, or moved by its two ends.
import { s } from '../lib/dom.js';
import { figure } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { stepped } from '../lib/parallel.js';

const WIDE = 34, // of what takes the mouse
    CLICK = 4, // pixels: less is no range
    LONG = 13; // letters of a name

const words = (value) => (typeof value === 'number' ? figure(value, 4) : String(value));
const short = (name) => (name.length > LONG ? `${name.slice(0, LONG - 1)}…` : name);
const KEYS = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 10, PageDown: -10 };

export class ParallelAxis {
    /**
     * id, name and scale of the axis; x, y(place), top, bottom: where it is; between(a, b): places of a range that was
     * drawn; change(range): after its ends were moved, null for none.
     */
    constructor(options) {
        Object.assign(this, options);
        this.range = null;
        this.dragged = false;
        this.bar = s('rect', { class: 'range', x: this.x - 7, width: 14, rx: 3 });
        this.ends = [0, 1].map((end) => this.handle(end));
        const hit = s('rect', {
            class: 'hit',
            x: this.x - WIDE / 2,
            y: this.top,
            width: WIDE,
            height: this.bottom - this.top,
            onpointerdown: (event) => this.drag(event),
        });
        this.element = s(
            'g',
            { class: 'axis-parts' },
            s('line', { class: 'axis-line', x1: this.x, x2: this.x, y1: this.top, y2: this.bottom }),
            this.bar,
            hit,
            this.scale.ticks.map((value) => this.tick(value)),
            this.title(),
            this.ends,
        );
    }

    title() {
        const at = { x: this.x, 'text-anchor': 'middle' };
        return [
            s('text', { class: 'axis-name', y: 16, ...at }, short(this.name), s('title', null, this.name)),
            this.scale.log && s('text', { class: 'axis-scale', y: 30, ...at }, 'log'),
        ];
    }

    tick(value) {
        const y = this.y(this.scale.place(value)),
            name = words(value);
        return [
            s('line', { class: 'axis-line', x1: this.x - 4, x2: this.x, y1: y, y2: y }),
            s('text', { class: 'tick', x: this.x + 7, y: y + 4 }, short(name), s('title', null, name)),
        ];
    }

    /** The end of the range: a slider whose values are those of the runs. */
    handle(end) {
        return s(
            'g',
            {
                class: 'handle',
                role: 'slider',
                tabindex: '0',
                id: `${this.id}-${end}`,
                'aria-orientation': 'vertical',
                'aria-label': t(end === 0 ? 'parallel.from' : 'parallel.to', { name: this.name }),
                'aria-valuemin': 0,
                onkeydown: (event) => this.key(event, end),
                onpointerdown: (event) => this.drag(event, end),
            },
            s('rect', { class: 'target', x: -14, y: end === 0 ? 0 : -24, width: 28, height: 24 }),
            s('path', { d: end === 0 ? 'M-8 3H8L0 13Z' : 'M-8 -3H8L0 -13Z' }),
        );
    }

    /** range: two values of the axis, or null for all of it. */
    show(range) {
        this.range = range;
        const { values } = this.scale,
            [low, high] = range ?? [values[0], values.at(-1)];
        const ys = [low, high].map((value) => this.y(this.scale.place(value) ?? 0));
        this.bar.setAttribute('y', Math.min(...ys) - 2);
        this.bar.setAttribute('height', Math.abs(ys[0] - ys[1]) + 4);
        this.element.classList.toggle('filters', range !== null);
        const index = (value) =>
            Math.max(
                0,
                values.findIndex((other) => JSON.stringify(other) === JSON.stringify(value)),
            );
        this.ends.forEach((handle, end) => {
            const value = [low, high][end];
            handle.setAttribute('transform', `translate(${this.x} ${ys[end] + (end === 0 ? 3 : -3)})`);
            handle.setAttribute('aria-valuemax', Math.max(0, values.length - 1));
            handle.setAttribute('aria-valuenow', index(value));
            handle.setAttribute('aria-valuetext', value === undefined ? '–' : words(value));
        });
    }

    key(event, end) {
        const { values } = this.scale,
            size = Math.max(1, Math.round(values.length / 50));
        const steps = { Home: -values.length, End: values.length };
        if (event.key === 'Escape' || event.key === 'Delete') this.change(null);
        else if (event.key in KEYS) this.change(stepped(this.scale, this.range, end, KEYS[event.key] * size));
        else if (event.key in steps) this.change(stepped(this.scale, this.range, end, steps[event.key]));
        else return;
        event.preventDefault();
    }

    placeOf(event) {
        const svg = this.element.ownerSVGElement,
            box = svg.getBoundingClientRect(),
            y = ((event.clientY - box.top) * svg.viewBox.baseVal.height) / box.height;
        return Math.min(1, Math.max(0, (this.bottom - y) / (this.bottom - this.top)));
    }

    /** A new range, or one end of the one that is there. A click on the axis takes the range away. */
    drag(event, end) {
        const { target: element, clientY: start } = event,
            { values, place } = this.scale,
            range = this.range ?? [values[0], values.at(-1)],
            fixed = end === undefined ? this.placeOf(event) : place(range[1 - end]);
        event.preventDefault();
        element.closest('[tabindex]')?.focus();
        element.setPointerCapture(event.pointerId);
        this.dragged = true;
        const move = (to) => {
            const ys = [fixed, this.placeOf(to)].map((at) => this.y(at));
            this.bar.setAttribute('y', Math.min(...ys));
            this.bar.setAttribute('height', Math.abs(ys[0] - ys[1]));
            this.element.classList.add('filters');
        };
        const up = (to) => {
            element.removeEventListener('pointermove', move);
            element.removeEventListener('pointercancel', up);
            element.removeEventListener('pointerup', up);
            this.dragged = false;
            if (to.type === 'pointercancel') return this.show(this.range);
            if (Math.abs(to.clientY - start) >= CLICK) this.between(fixed, this.placeOf(to));
            else if (end === undefined) this.change(null);
            this.show(this.range);
        };
        element.addEventListener('pointermove', move);
        element.addEventListener('pointerup', up);
        element.addEventListener('pointercancel', up);
    }
}
