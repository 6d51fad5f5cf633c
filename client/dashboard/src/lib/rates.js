// What /metrics says over time. Pure.

/** Samples {time (s), counters: {...}} -> per second between each and the one before; null when a counter fell. */
export function rates(history, name) {
    return history.slice(1).map((sample, i) => {
        const before = history[i],
            seconds = sample.time - before.time,
            more = sample.counters[name] - before.counters[name];
        return seconds > 0 && more >= 0 ? more / seconds : null;
    });
}

/** The time that a share of the requests stayed within: a bound of the cumulative buckets [{le, count}]. */
export function quantile(buckets, share) {
    const total = buckets.at(-1)?.count ?? 0;
    return total === 0 ? null : buckets.find(({ count }) => count >= share * total).le;
}
