// The controls above the curves: figure, axis, logarithms, smoothing, zoom.
import { h, replace, text } from '../lib/dom.js';
import { figure } from '../lib/format.js';
import { bind } from '../lib/keys.js';
import { t } from '../lib/i18n.js';
import { axes } from '../lib/view.js';

const zooms = [
    ['+', 'keys.in', { factor: 0.5 }],
    ['-', 'keys.out', { factor: 2 }],
    ['[', 'keys.back', { shift: -0.5 }],
    [']', 'keys.forth', { shift: 0.5 }],
    ['0', 'keys.reset', { factor: Infinity }],
];
const faces = { '+': '+', '-': '−', '[': '‹', ']': '›', 0: '⤢' };

export class CurveTools {
    /** change({x: "time"}) for the view, step({factor, shift}) for the zoom */
    constructor(change, step) {
        this.change = change;
        this.step = step;
        this.metric = h('select', { id: 'metric', onchange: () => change({ metric: this.metric.value }) });
        this.axis = h(
            'select',
            { id: 'axis', onchange: () => change({ x: this.axis.value }) },
            axes.map((name) => h('option', { value: name }, t(`axis.${name}`))),
        );
        this.logY = this.toggle('log-y', t('tools.logY'), () => this.flip('logY'));
        this.logX = this.toggle('log-x', t('tools.logX'), () => this.flip('logX'));
        this.smooth = h('input', {
            type: 'range',
            id: 'smooth',
            min: 0,
            max: 0.99,
            step: 0.01,
            oninput: () => change({ smooth: Number(this.smooth.value) }),
        });
        this.amount = h('output', { for: 'smooth' });
        this.element = h(
            'div',
            { class: 'tools-row' },
            h('label', { class: 'field' }, t('tools.metric'), this.metric),
            h('label', { class: 'field' }, t('tools.axis'), this.axis),
            h('span', { class: 'together' }, this.logY, this.logX),
            h('label', { class: 'field' }, t('tools.smooth'), this.smooth, this.amount),
            h(
                'span',
                { class: 'together zoom', role: 'group', 'aria-label': t('tools.zoom') },
                zooms.map(([key, name, how]) =>
                    h(
                        'button',
                        {
                            class: 'quiet',
                            title: `${t(name)} ( ${key} )`,
                            'aria-label': t(name),
                            onclick: () => step(how),
                        },
                        faces[key],
                    ),
                ),
            ),
        );
        this.offered = '';
    }

    toggle(id, label, action) {
        return h('button', { class: 'quiet', id, 'aria-pressed': 'false', onclick: action }, label);
    }

    flip(name) {
        this.change({ [name]: !(name === 'logY' ? this.view.logYNow : this.view.logX) });
    }

    /** metrics: the names of what can be drawn besides the losses. */
    show(view, metrics) {
        this.view = view;
        const offered = ['loss', ...metrics].join();
        if (offered !== this.offered) {
            this.offered = offered;
            replace(
                this.metric,
                h('option', { value: 'loss' }, t('tools.losses')),
                metrics.map((name) => h('option', { value: name }, name)),
            );
        }
        this.metric.value = view.metric;
        this.axis.value = view.x;
        this.logY.setAttribute('aria-pressed', String(Boolean(view.logYNow)));
        this.logX.setAttribute('aria-pressed', String(view.logX));
        if (document.activeElement !== this.smooth) this.smooth.value = view.smooth;
        text(this.amount, figure(view.smooth));
    }

    keys() {
        return bind([
            ['l', t('keys.log'), () => this.flip('logY')],
            ...zooms.map(([key, name, how]) => [key, t(name), () => this.step(how)]),
        ]);
    }
}
