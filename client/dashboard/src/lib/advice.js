// Why a network does not learn, or does: rules over the stored diagnosis. Pure. Each finding is {code, level, values};
// level is "bad", "warn", "note" or "good", and the texts "advice.CODE" and "advice.CODE.why" (what it rests on) take
// the values.
import { lastKnown, lowest } from './curves.js';

const VANISHING = 1e-3,
    FAINT = 0.05; // gradient at the inputs beside that at the output: too little, and too little when nothing is learnt
const EXPLODING = 100; // gradient now beside the first
const MANY = 0.5,
    SOME = 0.2; // shares of units
const JUMPS = 0.05,
    CRAWLS = 1e-5; // steps beside their weights: 0.001 is usual
const RISEN = 1.1,
    NOTHING = 1e-3; // validation loss beside its lowest; and a rise that says nothing, whatever it is beside
const LEARNT = 0.95; // of the loss: gradients are small everywhere then
const FALLING = 0.05; // of the loss, in the last tenth of the epochs
const LITTLE = 0.2; // of the loss, in all epochs
const SOME_EPOCHS = 20; // before that it is too early for some judgements

const last = (values) => values[lastKnown(values)];
const first = (values) => values.find((value) => value !== null && value !== undefined);

function failed({ run }) {
    if (run.failure?.code !== 'diverged') return [];
    return [
        {
            code: 'diverged',
            level: 'bad',
            values: { epoch: run.failure.epoch, rate: run.spec.optimizer.learning_rate, detail: run.failure.detail },
        },
    ];
}

/** By what share the training loss fell in all. */
function fallenBy({ train_loss: train }) {
    return (first(train) - last(train)) / Math.abs(first(train));
}

/** The uppermost layer of step units: nothing under it gets a gradient. */
function stopped({ run, layers }) {
    const steps = run.layers.filter(({ activation }) => activation === 'step').map(({ layer }) => layer),
        top = Math.max(...steps);
    if (steps.length === 0 || layers.some(({ layer, gradient_norm: g }) => layer <= top && last(g) !== 0)) return [];
    return [{ code: top === 1 ? 'step' : 'steps', level: 'bad', values: { layer: top } }];
}

function vanishing({ run, layers, epochs }) {
    const hasStep = run.layers.some(({ activation }) => activation === 'step');
    const low = last(layers[0].gradient_norm),
        high = last(layers.at(-1).gradient_norm);
    const fallen = fallenBy(epochs),
        tooLittle = fallen < LITTLE ? FAINT : VANISHING;
    if (hasStep || fallen > LEARNT || layers.length < 2 || !(high > 0) || !(low / high < tooLittle)) return [];
    return [
        {
            code: 'vanishing',
            level: 'bad',
            values: { low, high, layer: layers.at(-1).layer, activation: run.layers[0].activation },
        },
    ];
}

function exploding({ layers }) {
    return layers
        .filter(({ gradient_norm: g }) => first(g) > 0 && last(g) > EXPLODING * first(g))
        .slice(0, 1)
        .map(({ layer, gradient_norm: g }) => ({
            code: 'exploding',
            level: 'bad',
            values: { layer, before: first(g), now: last(g) },
        }));
}

function shares(code, { run, layers, epoch }) {
    return layers
        .filter((one) => last(one[code]) >= SOME)
        .map((one) => {
            const share = last(one[code]),
                { units, activation } = run.layers[one.layer - 1];
            return {
                code,
                level: share >= MANY ? 'bad' : 'warn',
                values: { layer: one.layer, share, count: Math.round(share * units), units, activation, epoch },
            };
        })
        .filter(({ values }) => !(code === 'dead' && values.activation === 'step'));
}

function steps({ run, layers, epochs }) {
    const ratios = layers
        .map(({ layer, update_ratio: r }) => ({ layer, ratio: last(r) }))
        .filter(({ ratio }) => ratio > 0);
    if (ratios.length === 0) return [];
    const most = ratios.reduce((a, b) => (b.ratio > a.ratio ? b : a)),
        rate = run.spec.optimizer.learning_rate;
    const fallen = fallenBy(epochs);
    if (most.ratio > JUMPS) return [{ code: 'jumps', level: 'warn', values: { ...most, rate } }];
    if (
        fallen < LITTLE &&
        layers.every(({ update_ratio: r }) => Math.max(...r) < 100 * CRAWLS) &&
        most.ratio < 10 * CRAWLS
    )
        return [{ code: 'crawls', level: 'warn', values: { ...most, rate, fallen } }];
    return [];
}

/** The loss stands still, or grew, for whatever reason. */
function stuck({ run, epochs }) {
    const fallen = fallenBy(epochs),
        from = epochs.epoch[0],
        to = epochs.epoch.at(-1),
        rate = run.spec.optimizer.learning_rate;
    if (to < SOME_EPOCHS || fallen >= LITTLE) return [];
    const code = fallen < 0 ? 'worse' : 'stuck';
    return [
        {
            code,
            level: 'warn',
            values: { before: first(epochs.train_loss), now: last(epochs.train_loss), from, to, rate },
        },
    ];
}

function overfitting({ epochs }) {
    const { epoch, valid_loss: valid, train_loss: train } = epochs,
        best = lowest(valid),
        end = lastKnown(valid);
    if (best < 0 || epoch[best] > 0.8 * epoch[end] || last(train) >= train[best]) return [];
    if (valid[end] < RISEN * valid[best] + NOTHING) return [];
    return [
        {
            code: 'overfits',
            level: 'warn',
            values: { epoch: epoch[best], best: valid[best], now: valid[end], before: train[best], train: last(train) },
        },
    ];
}

function linear({ run }) {
    const hidden = run.layers.slice(0, -1);
    return hidden.length > 0 && hidden.every(({ activation }) => activation === 'identity')
        ? [{ code: 'linear', level: 'note', values: { n: hidden.length } }]
        : [];
}

function unfinished({ run, epochs }) {
    const { epoch, train_loss: train } = epochs,
        end = lastKnown(train),
        tenth = epoch.findIndex((e) => e >= 0.9 * epoch[end]);
    const fall = (train[tenth] - train[end]) / Math.abs(train[tenth]);
    return run.status === 'succeeded' && epoch[end] >= SOME_EPOCHS && fall > FALLING
        ? [{ code: 'unfinished', level: 'note', values: { fall, from: epoch[tenth], to: epoch[end] } }]
        : [];
}

/**
 * run as of /v1/runs/{r}; layers and epochs as of its /layers and /epochs. What is worst comes first; when nothing is
 * found, one finding says so ("fine"), or that there is nothing to judge yet ("early").
 */
export function advise(run, layers, epochs) {
    const found = failed({ run });
    if (!run.layers || layers.layers.length === 0 || lastKnown(epochs.train_loss) < 0)
        return found.length ? found : [{ code: 'early', level: 'note', values: {} }];
    const seen = { run, layers: layers.layers, epochs, epoch: layers.epoch.at(-1) };
    for (const rule of [
        stopped,
        vanishing,
        exploding,
        (s) => shares('dead', s),
        (s) => shares('saturated', s),
        steps,
        overfitting,
        linear,
        unfinished,
    ])
        found.push(...rule(seen));
    const order = ['bad', 'warn', 'note'];
    if (!found.some(({ level }) => level !== 'note')) found.push(...stuck(seen));
    if (found.some(({ code }) => code === 'overfits'))
        found.splice(0, found.length, ...found.filter(({ code }) => code !== 'unfinished'));
    found.sort((a, b) => order.indexOf(a.level) - order.indexOf(b.level));
    return found.some(({ level }) => level !== 'note')
        ? found
        : [{ code: 'fine', level: 'good', values: { epoch: seen.epoch } }, ...found];
}
