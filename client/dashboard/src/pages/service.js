// The service: queue, workers, memory, disk, requests.
import { send } from '../lib/api.js';
import { h, replace } from '../lib/dom.js';
import { bytes, duration, whole } from '../lib/format.js';
import { t } from '../lib/i18n.js';
import { follow } from '../lib/live.js';
import { parseMetrics } from '../lib/prometheus.js';

class ServicePage {
    constructor() {
        this.title = t('service.title');
        this.facts = h('dl', { class: 'facts' });
        this.element = h('div', null, h('div', { class: 'head' }, h('h1', null, this.title)), h('div', { class: 'card' }, this.facts));
        this.end = follow(() => this.refresh());
    }

    async refresh() {
        const m = parseMetrics(await (await send('metrics')).text());
        replace(this.facts, Object.entries({ uptime: duration(m.value('mlpd_uptime_seconds')), memory: bytes(m.value('process_resident_memory_bytes')), jobs: whole(m.value('mlpd_jobs')) })
            .map(([name, value]) => h('div', null, h('dt', null, name), h('dd', { class: 'big' }, value))));
    }

    close() {
        this.end();
    }
}

export function page() {
    return new ServicePage();
}
