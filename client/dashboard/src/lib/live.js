// Keeps what is on the page up to date. A page follows something with a function that reads it again; here is decided
// when. A tab that nobody sees asks for nothing.
import { noteConnection, onConnection } from './api.js';

const QUICK_MS = 1000,
    SLOW_MS = 5000,
    AWAY_MS = 2000;
const followers = new Set();

class Follower {
    constructor(refresh) {
        this.refresh = refresh;
        this.timer = 0;
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
        let wait = QUICK_MS;
        try {
            wait = (await this.refresh()) ? SLOW_MS : QUICK_MS;
        } catch (error) {
            if (error.status === undefined && error.name !== 'AbortError') throw error;
            wait = AWAY_MS;
        } finally {
            this.busy = false;
            this.plan(this.again ? 0 : wait);
            this.again = false;
        }
    }

    plan(wait) {
        clearTimeout(this.timer);
        if (followers.has(this) && !document.hidden) this.timer = setTimeout(() => this.run(), wait);
    }
}

/**
 * Calls refresh() now and whenever there may be news, until the function that is returned is called. refresh() reads
 * resources and shows them; it returns true when nothing of it will change by itself any more (everything is over).
 */
export function follow(refresh) {
    const follower = new Follower(refresh);
    followers.add(follower);
    follower.run();
    const end = () => {
        clearTimeout(follower.timer);
        followers.delete(follower);
    };
    end.now = () => follower.run();
    return end;
}

function wakeAll() {
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
