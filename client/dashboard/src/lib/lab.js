// A grid of two axes as a map of cells. Pure.

/** Hyper-parameters that have several values among the runs: [{pointer, values}], numbers in their order. */
export function axesOf(runs) {
    const found = new Map();
    for (const { hyperparameters } of runs)
        for (const [pointer, value] of Object.entries(hyperparameters)) {
            const key = JSON.stringify(value);
            if (!found.has(pointer)) found.set(pointer, new Map());
            found.get(pointer).set(key, value);
        }
    return [...found]
        .map(([pointer, values]) => ({ pointer, values: [...values.values()] }))
        .filter(({ values }) => values.length > 1)
        .map(({ pointer, values }) => ({
            pointer,
            values: values.every((value) => typeof value === 'number') ? values.sort((a, b) => a - b) : values,
        }));
}

/** rows of cells, each the run at (value of the first axis, value of the second) or undefined. */
export function cellsOf(runs, [down, across]) {
    const key = (a, b) => JSON.stringify([a, b]),
        at = new Map(
            runs.map((run) => [key(run.hyperparameters[down.pointer], run.hyperparameters[across.pointer]), run]),
        );
    return down.values.map((a) => across.values.map((b) => at.get(key(a, b))));
}

/** The first epoch whose loss is at most `level`; null when there is none. exact: no epoch lies between the points. */
export function epochsTo({ epoch, loss }, level) {
    const at = loss.findIndex((value) => value !== null && value <= level);
    if (at < 0) return null;
    return { epoch: epoch[at], exact: epoch[at] - (at > 0 ? epoch[at - 1] : 0) <= 1 };
}

/** How good each value is beside the others: 1 the least, 0 the greatest, by magnitude where all are positive. */
export function goodness(values) {
    const known = values.filter((value) => Number.isFinite(value)),
        scale = known.every((value) => value > 0) ? Math.log : (value) => value;
    const low = Math.min(...known.map(scale)),
        high = Math.max(...known.map(scale));
    return values.map((value) =>
        !Number.isFinite(value) ? null : high > low ? (high - scale(value)) / (high - low) : 1,
    );
}

/** A place 0..1 of the slider as a loss between the least and the greatest, by magnitude. */
export function levelAt(place, least, greatest) {
    return least > 0 ? least * (greatest / least) ** place : least + place * (greatest - least);
}
