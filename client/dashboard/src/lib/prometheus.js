// The text format of /metrics. Pure.

/** Samples by name: [{labels: {route: "..."}, value}]. value(name, labels) is the sum of the samples that match. */
export function parseMetrics(text) {
    const samples = new Map();
    for (const line of text.split('\n')) {
        const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
        if (!match) continue;
        const labels = Object.fromEntries(
            [...(match[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name, value]) => [
                name,
                value.replace(/\\(.)/g, '$1'),
            ]),
        );
        if (!samples.has(match[1])) samples.set(match[1], []);
        samples.get(match[1]).push({ labels, value: Number(match[3]) });
    }
    const matching = (name, wanted) =>
        (samples.get(name) ?? []).filter(({ labels }) =>
            Object.entries(wanted).every(([key, value]) => labels[key] === value),
        );
    return {
        samples,
        all: (name) => samples.get(name) ?? [],
        value: (name, wanted = {}) => matching(name, wanted).reduce((sum, { value }) => sum + value, 0),
    };
}
