// A job's JSON in a few words.
import { axesOf } from '../lib/axes.js';
import { shortNames } from '../lib/differences.js';

/** "16 relu · 8 tanh", "4 × 8 sigmoid" */
export function networkOf(spec) {
    const layers = [];
    for (const { units, activation } of spec.network?.hidden ?? []) {
        const name = `${units} ${activation}`;
        if (layers.at(-1)?.name === name) layers.at(-1).count++;
        else layers.push({ name, count: 1 });
    }
    return layers.map(({ name, count }) => (count > 1 ? `${count} × ${name}` : name)).join(' · ') || '–';
}

/** What is predicted: one column, or several. */
export function targetOf(spec) {
    return [spec.target].flat().join(', ');
}

/** "momentum, learning_rate 0.01, batch_size 32"; of a grid or a search what it varies: "momentum × learning_rate" */
export function trainingOf(spec) {
    const axes = axesOf(spec);
    if (axes.length > 0) return shortNames(axes.map(({ pointer }) => pointer)).join(' × ');
    return `${spec.optimizer.name}, learning_rate ${spec.optimizer.learning_rate}, batch_size ${spec.batch_size}`;
}
