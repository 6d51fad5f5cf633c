// Keeps what is on the page up to date. A view follows something with a function that reads it again; here is decided
// when: once the stream tells of a change, or every second where there is none. A tab that nobody sees does neither.
import { noteConnection, onConnection } from './api.js';
import { Stream } from './stream.js';

const QUICK_MS = 1000,
    SLOW_MS = 5000,
    AWAY_MS = 2000;
const PACE_MS = 400; // between two readings that the stream asks for
const ASSURANCE_MS = 20000; // while there is a stream: for what no event tells
const followers = new Set();
let flowing = false,
    flowChanged = () => {};

class Follower {
    constructor(refresh, concerns, every) {
        this.refresh = refresh;
        this.concerns = concerns;
        this.every = every;
        this.timer = 0;
        this.due = Infinity; // when the timer ends
        this.busy = false;
        this.again = false;
    }

    /** Reads now, or right after the reading that is under way. */
    async run() {
        clearTimeout(this.timer);
        if (this.busy) {
            this.again = true;
            return;
        }
        this.busy = true;
        let wait = AWAY_MS;
        try {
            const over = await this.refresh();
            stream.open();
            wait = this.every ?? (flowing ? ASSURANCE_MS : over ? SLOW_MS : QUICK_MS);
        } catch (error) {
            if (error.status === undefined && error.name !== 'AbortError') throw error;
            if (error.status === 404) {
                wait = ASSURANCE_MS; // asking does not bring it
                stream.open();
            }
        } finally {
            this.busy = false;
            this.plan(this.again ? PACE_MS : wait);
            this.again = false;
        }
    }

    plan(wait) {
        clearTimeout(this.timer);
        if (!followers.has(this) || document.hidden) return;
        this.due = Date.now() + wait;
        this.timer = setTimeout(() => this.run(), wait);
    }

    /** There is news: reads soon, but not more often than PACE_MS. */
    nudge() {
        if (this.busy) this.again = true;
        else if (this.due > Date.now() + PACE_MS) this.plan(PACE_MS);
    }
}

/**
 * Calls refresh() now and whenever there may be news, until the function that is returned is called; its now() reads
 * at once. refresh() reads resources and shows them; it returns true when nothing of it will change by itself any more.
 * concerns({name, data}) says whether an event of the stream is news for it; every: it is read that often (ms), come
 * what may.
 */
export function follow(refresh, { concerns = () => true, every } = {}) {
    const follower = new Follower(refresh, concerns, every);
    followers.add(follower);
    follower.run();
    const end = () => {
        clearTimeout(follower.timer);
        followers.delete(follower);
    };
    end.now = () => follower.run();
    return end;
}

/** For a view that follows nothing, but says whether the daemon is there. */
export function listen() {
    stream.open();
}

/** Whether news comes by itself, rather than by asking. */
export function isStreaming() {
    return flowing;
}

/** Calls listener when that changes. */
export function onStreaming(listener) {
    flowChanged = listener;
}

function setFlowing(value) {
    flowing = value;
    flowChanged();
    for (const follower of followers) follower.nudge(); // for what happened between the two ways of knowing
}

const stream = new Stream({
    query: 'events=job,run',
    event: (event) => {
        for (const follower of followers) if (event.name === 'resync' || follower.concerns(event)) follower.nudge();
    },
    opened: () => setFlowing(true),
    closed: () => setFlowing(false),
});

function wakeAll() {
    if (document.hidden) stream.close();
    else stream.open();
    for (const follower of followers)
        if (document.hidden) clearTimeout(follower.timer);
        else follower.run();
}

export function startLive() {
    document.addEventListener('visibilitychange', wakeAll);
    addEventListener('online', wakeAll);
    addEventListener('offline', () => noteConnection(false));
    onConnection(({ online }) => online && wakeAll());
}
