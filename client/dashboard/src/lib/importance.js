// Bars with their spread, as parts of a hundred. Pure.

/** [{mean, standard_deviation}] -> [{zero, mean, low, high}]: all on one axis that holds 0 and every spread. */
export function spans(moments) {
    const lows = moments.map(({ mean, standard_deviation: deviation }) => mean - deviation),
        highs = moments.map(({ mean, standard_deviation: deviation }) => mean + deviation);
    const from = Math.min(0, ...lows),
        width = Math.max(0, ...highs) - from || 1;
    const at = (value) => (100 * (value - from)) / width;
    return moments.map(({ mean }, i) => ({ zero: at(0), mean: at(mean), low: at(lows[i]), high: at(highs[i]) }));
}
