// A job's JSON in a few words.
import { shortNames } from '../lib/differences.js';

/** "16 relu · 8 tanh" */
export function networkOf(spec) {
    const hidden = spec.network?.hidden ?? [];
    return hidden.length === 0 ? '–' : hidden.map(({ units, activation }) => `${units} ${activation}`).join(' · ');
}

/** "momentum, learning_rate 0.01, batch_size 32"; of a grid what it varies: "momentum × learning_rate" */
export function trainingOf(spec) {
    if (spec.grid) return shortNames(Object.keys(spec.grid)).join(' × ');
    return `${spec.optimizer.name}, learning_rate ${spec.optimizer.learning_rate}, batch_size ${spec.batch_size}`;
}
