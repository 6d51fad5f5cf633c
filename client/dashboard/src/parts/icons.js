// The few pictures of the page, drawn in the color of the text around them.
import { s } from '../lib/dom.js';

const shapes = {
    brand: [
        ['path', { d: 'M2 3.5c2.5 9.5 5 9.5 12 10', 'stroke-width': 2 }],
        ['path', { d: 'M3 3c3 6 5.5 7 11 5.7', 'stroke-width': 2, 'stroke-dasharray': '2.2 2.6' }],
    ],
    half: [
        ['circle', { cx: 8, cy: 8, r: 5.5 }],
        ['path', { d: 'M8 2.5a5.5 5.5 0 0 1 0 11z', fill: 'currentColor' }],
    ],
    sun: [
        ['circle', { cx: 8, cy: 8, r: 3 }],
        ['path', { d: 'M8 1v2M8 13v2M1 8h2M13 8h2M3 3l1.5 1.5M11.5 11.5 13 13M13 3l-1.5 1.5M4.5 11.5 3 13' }],
    ],
    moon: [['path', { d: 'M13.5 9.5A6 6 0 0 1 6.5 2.5a6 6 0 1 0 7 7z' }]],
    queued: [['circle', { cx: 8, cy: 8, r: 5.5, 'stroke-dasharray': '2 2' }]],
    running: [['path', { d: 'M8 2.5a5.5 5.5 0 1 1-5.5 5.5', class: 'spin' }]],
    paused: [['path', { d: 'M5.5 3.5v9M10.5 3.5v9', 'stroke-width': 2 }]],
    succeeded: [['path', { d: 'M3 8.5 6.5 12 13 4.5', 'stroke-width': 2 }]],
    failed: [['path', { d: 'M4 4l8 8M12 4l-8 8', 'stroke-width': 2 }]],
    cancelled: [
        ['circle', { cx: 8, cy: 8, r: 5.5 }],
        ['path', { d: 'M4 12 12 4' }],
    ],
    search: [
        ['circle', { cx: 7, cy: 7, r: 4.5 }],
        ['path', { d: 'M10.5 10.5 14 14' }],
    ],
};

export function icon(name) {
    return s(
        'svg',
        { class: 'icon', viewBox: '0 0 16 16', 'aria-hidden': 'true' },
        shapes[name].map(([tag, properties]) => s(tag, properties)),
    );
}
