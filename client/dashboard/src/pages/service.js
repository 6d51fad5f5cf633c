// The service: queue, workers, memory, disk, what is asked of it, and how it answers.
import { get, send } from '../lib/api.js';
import { h, replace } from '../lib/dom.js';
import { bytes, duration, figure, whole } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { follow } from '../lib/live.js';
import { parseMetrics } from '../lib/prometheus.js';
import { quantile, rates } from '../lib/rates.js';
import { Chart } from '../parts/chart.js';
import { problemBox } from '../parts/dialogs.js';
import { statuses, statusMark } from '../parts/status.js';
import { table } from '../parts/table.js';

const KEPT = 300;
const history = []; // of this tab, across visits of the page

function remember(metrics) {
    history.push({
        time: Date.now() / 1000,
        counters: { requests: metrics.value('mlpd_http_requests_total'), epochs: metrics.value('mlpd_epochs_total') },
    });
    if (history.length > KEPT) history.shift();
}

function fact(name, value, note) {
    return h(
        'div',
        null,
        h('dt', null, t(`service.${name}`)),
        h('dd', { class: 'big' }, value),
        note && h('dd', { class: 'soft' }, note),
    );
}

function bucketsOf(metrics) {
    return metrics
        .all('mlpd_http_request_seconds_bucket')
        .map(({ labels, value }) => ({ le: labels.le === '+Inf' ? Infinity : Number(labels.le), count: value }));
}

function within(buckets, share) {
    const bound = quantile(buckets, share);
    return bound === null ? '–' : bound === Infinity ? t('service.above') : `≤ ${duration(bound)}`;
}

class ServicePage {
    constructor() {
        this.title = t('service.title');
        this.problem = h('div', { hidden: true });
        this.work = h('dl', { class: 'facts' });
        this.queue = h('dl', { class: 'facts' });
        this.place = h('dl', { class: 'facts' });
        this.routes = h('tbody');
        this.chart = new Chart({ height: 200 });
        this.element = h(
            'div',
            null,
            h('div', { class: 'head' }, h('h1', null, this.title)),
            this.problem,
            h(
                'div',
                { class: 'grid' },
                h('section', { class: 'card', id: 'work' }, h('h2', null, t('service.work')), this.work),
                h('section', { class: 'card', id: 'place' }, h('h2', null, t('service.place')), this.place),
            ),
            h('section', { class: 'card above', id: 'queue' }, h('h2', null, t('service.runs')), this.queue),
            h('section', { class: 'card', id: 'rates' }, h('h2', null, t('service.rates')), this.chart.element),
            h(
                'section',
                { class: 'card list', id: 'routes' },
                h('h2', null, t('service.routes')),
                h(
                    'div',
                    { class: 'scroll', tabindex: '0' },
                    table(
                        [
                            h('th', { scope: 'col' }, t('service.route')),
                            ['requests', 'refused', 'errors'].map((name) =>
                                h('th', { scope: 'col', class: 'number' }, t(`service.${name}`)),
                            ),
                        ],
                        this.routes,
                    ),
                ),
            ),
        );
        this.end = follow(() => this.refresh(), { concerns: () => false, every: 1000 });
    }

    async refresh() {
        try {
            const metrics = parseMetrics(await (await send('metrics')).text()),
                health = await get('healthz');
            this.problem.hidden = true;
            remember(metrics);
            this.show(metrics, health);
            return false;
        } catch (problem) {
            this.problem.hidden = false;
            problemBox(problem, this.problem);
            throw problem;
        }
    }

    show(m, health) {
        const workers = m.value('mlpd_workers'),
            busy = m.value('mlpd_workers_busy'),
            buckets = bucketsOf(m);
        replace(
            this.work,
            fact('workers', `${whole(busy)} / ${whole(workers)}`, t('service.workers.note')),
            fact('waiting', whole(m.value('mlpd_runs_waiting'))),
            fact(
                'epochs',
                whole(m.value('mlpd_epochs_total')),
                t('service.epochs.note', { time: duration(m.value('mlpd_training_seconds_total')) }),
            ),
            fact('answers', within(buckets, 0.99), t('service.answers.note', { median: within(buckets, 0.5) })),
        );
        replace(
            this.place,
            fact('version', health.version),
            fact('uptime', duration(Math.floor(m.value('mlpd_uptime_seconds')))),
            fact('memory', bytes(m.value('process_resident_memory_bytes'))),
            fact(
                'database',
                bytes(m.value('mlpd_database_bytes')),
                t('service.database.note', { wal: bytes(m.value('mlpd_wal_bytes')) }),
            ),
            fact('disk', m.all('mlpd_disk_free_bytes').length ? bytes(m.value('mlpd_disk_free_bytes')) : '–'),
            fact('connections', whole(m.value('mlpd_http_connections'))),
        );
        replace(
            this.queue,
            h(
                'div',
                null,
                h('dt', null, t('service.stored')),
                h('dd', { class: 'big' }, `${whole(m.value('mlpd_jobs'))}`),
                h(
                    'dd',
                    { class: 'soft' },
                    t('service.stored.note', {
                        n: m.value('mlpd_datasets'),
                        datasets: whole(m.value('mlpd_datasets')),
                    }),
                ),
            ),
            statuses.map((status) =>
                h(
                    'div',
                    null,
                    h('dt', null, statusMark(status)),
                    h('dd', { class: 'big' }, whole(m.value('mlpd_runs', { status }))),
                ),
            ),
        );
        this.showRoutes(m);
        this.showRates();
    }

    showRoutes(m) {
        const routes = new Map();
        for (const { labels, value } of m.all('mlpd_http_requests_total')) {
            const name = `${labels.method} ${labels.route}`,
                row = routes.get(name) ?? { requests: 0, refused: 0, errors: 0 };
            row.requests += value;
            row[labels.status >= '500' ? 'errors' : labels.status >= '400' ? 'refused' : 'fine'] += value;
            routes.set(name, row);
        }
        const sorted = [...routes].sort(([, a], [, b]) => b.requests - a.requests);
        replace(
            this.routes,
            sorted.map(([name, row]) =>
                h(
                    'tr',
                    null,
                    h('td', { class: 'mono' }, name),
                    [row.requests, row.refused, row.errors].map((value) => h('td', { class: 'number' }, whole(value))),
                ),
            ),
        );
    }

    showRates() {
        const x = history.slice(1).map(({ time }) => time - history.at(-1).time),
            requests = rates(history, 'requests'),
            epochs = rates(history, 'epochs');
        this.chart.draw({
            lines: [
                { label: t('service.rate.requests'), x, y: requests, color: '--line-1', dash: [] },
                { label: t('service.rate.epochs'), x, y: epochs, color: '--line-2', dash: [9, 4] },
            ],
            logX: false,
            logY: epochs.some((value) => value > 0),
            range: x.length > 1 ? null : [-10, 0],
            xLabel: t('service.seconds'),
            yLabel: t('service.rate'),
            marks: [],
            caption: x.length
                ? t('service.words', { requests: figure(requests.at(-1), 3), epochs: figure(epochs.at(-1), 3) })
                : t('service.soon'),
        });
    }

    close() {
        this.end();
        this.chart.close();
    }
}

export function page() {
    return new ServicePage();
}
