// The service's stream of events. EventSource cannot send a token with its request, so it is read by fetch; the rest is
// as the standard says of event streams: lines, ids, and going on after the last one.
import { address, authorization, noteConnection } from './api.js';

const RETRY_MS = 1000,
    SILENCE_MS = 40000; // a sign of life comes every 15 s

/** Text in pieces -> events {id, name, data}, as they become whole. A comment is an event without a name. Pure. */
export class EventParser {
    constructor() {
        this.rest = '';
    }

    take(piece) {
        const blocks = (this.rest + piece).split('\n\n');
        this.rest = blocks.pop();
        return blocks.map((block) => {
            const fields = Object.fromEntries(
                block.split('\n').map((line) => /^([a-z]*): ?(.*)$/.exec(line)?.slice(1) ?? ['', '']),
            );
            return {
                id: fields.id ?? null,
                name: fields.event ?? '',
                data: fields.data ? JSON.parse(fields.data) : null,
            };
        });
    }
}

/** One stream for the whole page: open() and close() as often as wanted. */
export class Stream {
    /** query: "events=job,run"; event({name, data}) for each; opened() and closed() when it begins and ends to flow */
    constructor({ query, event, opened, closed }) {
        Object.assign(this, { query, event, opened, closed });
        this.last = null;
        this.abort = null;
        this.timer = 0;
    }

    open() {
        if (this.abort) return;
        this.abort = new AbortController();
        this.read(this.abort).catch(() => {});
    }

    close() {
        clearTimeout(this.timer);
        this.abort?.abort();
        this.abort = null;
    }

    async read(abort) {
        let flowing = false,
            wanted = true;
        try {
            const after = this.last === null ? '' : `&last_event_id=${this.last}`;
            const response = await fetch(address(`v1/stream?${this.query}${after}`), {
                signal: abort.signal,
                cache: 'no-store',
                headers: authorization(),
            });
            wanted = response.status !== 401; // until somebody gave a token
            if (!response.ok) throw new Error(`HTTP ${response.status}`);
            flowing = true;
            this.opened();
            await this.drain(response.body.pipeThrough(new TextDecoderStream()).getReader(), abort);
        } finally {
            if (flowing) this.closed();
            if (this.abort === abort) {
                this.abort = null;
                if (wanted) this.timer = setTimeout(() => this.open(), RETRY_MS);
            }
        }
    }

    async drain(reader, abort) {
        const parser = new EventParser();
        let silence = 0;
        try {
            for (;;) {
                clearTimeout(silence);
                silence = setTimeout(() => abort.abort(), SILENCE_MS);
                const { done, value } = await reader.read();
                if (done) return;
                noteConnection(true);
                for (const { id, name, data } of parser.take(value)) {
                    this.last = id ?? this.last;
                    if (name) this.event({ name, data });
                }
            }
        } finally {
            clearTimeout(silence);
        }
    }
}
