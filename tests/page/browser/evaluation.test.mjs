// What a run reached, looked at closely: a threshold that moves, numbers beside what they should have been, and what is
// lost when a column is shuffled. Every figure is counted once more from what the daemon says.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { test, before, after } from 'node:test';
import { Daemon, eventually, violations, visit, withBrowser } from './support.mjs';

const daemon = new Daemon(),
    screens = 'build/page-tests/screens';
let sex, species, mass;

const runOf = (job) => daemon.runOf({ epochs: 20, ...job });

withBrowser();
before(async () => {
    mkdirSync(screens, { recursive: true });
    await daemon.start();
    await daemon.uploadPenguins();
    sex = await runOf({ target: 'sex', validation: { fraction: 0.3 } });
    species = await runOf({ features: ['bill_depth_mm', 'sex'], validation: { fraction: 0.3 } });
    mass = await runOf({ target: 'body_mass_g', validation: { fraction: 0.3 } });
});
after(() => daemon.remove());

const open = (run, query, action, options) => visit(`${daemon.url}/#/runs/${run}${query}`, action, options);
const evaluationOf = (run) => daemon.call(`/v1/runs/${run}/evaluation`);

/** Rows of the class that are found at a threshold, and others that are taken for it. */
function counted({ rows, per_class: classes }, name, threshold) {
    const { rows: positives, roc } = classes.find((row) => row.class === name),
        at = roc.threshold.findLastIndex((value) => value === null || value >= threshold);
    return [
        Math.round(roc.true_positive_rate[at] * positives),
        Math.round(roc.false_positive_rate[at] * (rows - positives)),
    ];
}

const counts = async (page) => (await page.locator('#threshold-counts .cell b').allTextContents()).map(Number);
const markOf = async (page, plot) =>
    Promise.all(['cx', 'cy'].map(async (name) => Number(await page.locator(`${plot} .ring`).getAttribute(name))));

test('at 0.5 the counts are those of the confusion matrix', async () => {
    const { confusion_matrix: matrix, classes } = await evaluationOf(sex);
    assert.deepEqual(classes, ['female', 'male']);
    await open(sex, '', async (page) => {
        await page.locator('#threshold-counts .cell').first().waitFor();
        assert.equal(await page.locator('#threshold').inputValue(), '0.5');
        assert.deepEqual(await counts(page), [matrix[1][1], matrix[1][0], matrix[0][1], matrix[0][0]]);
        assert.deepEqual(await page.locator('#threshold-counts tbody th').allTextContents(), ['male', 'female']);
    });
});

test('the threshold moves by keys, with its figures, marks and address', async () => {
    const evaluation = await evaluationOf(sex),
        positives = evaluation.per_class[1].rows;
    await open(sex, '', async (page) => {
        const slider = page.locator('#threshold');
        await slider.focus();
        const roc = await markOf(page, '#roc'),
            pr = await markOf(page, '#precision-recall');
        for (let i = 0; i < 42; i++) await slider.press('ArrowLeft');
        await page.waitForURL(/threshold=0\.08$/);
        const [found, wrong] = counted(evaluation, 'male', 0.08);
        assert.deepEqual(await counts(page), [found, positives - found, wrong, evaluation.rows - positives - wrong]);
        const shown = (name) => page.locator(`#threshold-figures [data-figure=${name}]`).textContent();
        const percent = (value) => `${Math.round(value * 1000) / 10}%`;
        assert.equal(await shown('precision'), percent(found / (found + wrong)));
        assert.equal(await shown('recall'), percent(found / positives));
        assert.equal(await shown('f1'), percent((2 * found) / (positives + found + wrong)));
        assert.equal(await shown('accuracy'), percent((found + evaluation.rows - positives - wrong) / evaluation.rows));
        assert.match(await slider.getAttribute('aria-valuetext'), /^0\.08: precision \d/);
        const moved = await markOf(page, '#roc');
        assert.ok(moved[0] > roc[0] && moved[1] <= roc[1], `${roc} -> ${moved}`);
        assert.ok((await markOf(page, '#precision-recall'))[1] > pr[1]);
        await page.reload();
        await page.locator('#threshold-counts .cell').first().waitFor();
        assert.equal(await page.locator('#threshold-exact').inputValue(), '0.08');
        await page.locator('#threshold-usual').click();
        await eventually(() => !page.url().includes('threshold'), 'the usual one is not in the address');
    });
});

test('the best F1 is the best of all points; a threshold between points goes to the nearest', async () => {
    const evaluation = await evaluationOf(sex),
        { rows: positives, roc } = evaluation.per_class[1];
    const best = Math.max(
        ...roc.threshold.slice(1).map((threshold) => {
            const [found, wrong] = counted(evaluation, 'male', threshold);
            return (2 * found) / (positives + found + wrong);
        }),
    );
    await open(sex, '', async (page) => {
        await page.locator('#threshold-best').click();
        const [found, missed, wrong] = await counts(page);
        assert.equal((2 * found) / (2 * found + missed + wrong), best);
        await page.locator('#threshold-exact').fill('0.123456');
        await page.locator('#threshold-exact').press('Enter');
        await page.getByText('0.123456 is between two thresholds').waitFor();
        const used = Number(await page.locator('#threshold-exact').inputValue());
        assert.ok(Math.abs(used - 0.123456) < 0.005 && used !== 0.123456);
    });
});

test('of several classes each is looked at against the rest', async () => {
    const evaluation = await evaluationOf(species);
    await open(species, '?threshold=0.3', async (page) => {
        await page.locator('#entry').selectOption('Gentoo');
        await page.waitForURL(/of=Gentoo/);
        const positives = evaluation.per_class[2].rows,
            [found, wrong] = counted(evaluation, 'Gentoo', 0.3);
        assert.deepEqual(await counts(page), [found, positives - found, wrong, evaluation.rows - positives - wrong]);
        await page.reload();
        await page.locator('#threshold-counts tbody th', { hasText: 'Gentoo' }).waitFor();
        assert.equal(await page.locator('#entry').inputValue(), 'Gentoo');
    });
});

test('the figures behind a curve are in a table', async () => {
    const { per_class: classes } = await evaluationOf(sex);
    await open(sex, '', async (page) => {
        await page.locator('#roc summary').click();
        await page.locator('#roc tbody tr').first().waitFor(); // it is made once it is open
        assert.equal(await page.locator('#roc tbody tr').count(), classes[1].roc.threshold.length);
        const last = await page.locator('#roc tbody tr').last().locator('td').allTextContents();
        assert.deepEqual(last.slice(1), ['1', '1']);
    });
});

test('numbers are drawn beside what they should have been, and how far they are off', async () => {
    const { rows, residuals } = await evaluationOf(mass);
    const off = residuals.actual.map((value, i) => Math.abs(value - residuals.predicted[i])).sort((a, b) => a - b);
    await open(mass, '', async (page) => {
        await page.locator('#predicted-actual .dots circle').first().waitFor();
        assert.equal(await page.locator('#predicted-actual .dots circle').count(), rows);
        assert.equal(await page.locator('#residual-predicted .dots circle').count(), rows);
        const caption = await page.locator('#predicted-actual figcaption').textContent();
        assert.ok(caption.includes(`at most ${Number(off[Math.ceil(rows / 2) - 1].toPrecision(3))},`), caption);
        await page.locator('#residual-bins summary').click();
        await page.locator('#residual-bins tbody tr').first().waitFor();
        const bins = await page.locator('#residual-bins tbody tr').all();
        let sum = 0;
        for (const bin of bins) sum += Number(await bin.locator('td').last().textContent());
        assert.equal(sum, rows);
        assert.equal(await page.locator('#residual-bins rect').count(), bins.length);
    });
});

test('what the network rests on is worked out when it is asked for, and stays in the address', async () => {
    await open(species, '', async (page) => {
        await page.locator('#importance-start').click();
        await page.locator('.importance tbody tr').first().waitFor();
        await page.waitForURL(/importance=metric_drop/);
        const { features } = await daemon.call(`/v1/runs/${species}/importance?wait=10`);
        assert.deepEqual(
            await page.locator('.importance tbody th').allTextContents(),
            features.map(({ feature }) => feature),
        );
        const first = page.locator('.importance tbody tr').first(),
            { mean, standard_deviation: deviation } = features[0].metric_drop;
        assert.equal(await first.locator('td').first().textContent(), `${Math.round(mean * 1000) / 10}%`);
        const rect = await first.locator('rect').getAttribute('width');
        assert.ok(Math.abs(Number(rect) - (100 * mean) / (mean + deviation)) < 0.01, rect);
        await page.locator('[data-measure=loss_increase]').press('Enter');
        await page.locator('[data-measure=loss_increase][aria-pressed=true]').waitFor();
        const [least] = features.map((feature) => feature.loss_increase.mean).sort((a, b) => a - b);
        const last = await page.locator('.importance tbody tr').last().locator('td').first().textContent();
        assert.equal(Number(last), Number(least.toPrecision(3)));
        await page.reload();
        await page.locator('[data-measure=loss_increase][aria-pressed=true]').waitFor();
    });
});

for (const colorScheme of ['light', 'dark'])
    test(`axe finds nothing in evaluations in ${colorScheme} colors`, async () => {
        const looks = { sex: [sex, 1280], species: [species, 390], mass: [mass, 1120] };
        for (const [name, [run, width]] of Object.entries(looks))
            await open(
                run,
                '?importance=loss_increase',
                async (page) => {
                    await page.locator('.importance tbody tr').first().waitFor();
                    await page.locator('#evaluation summary').first().click();
                    assert.deepEqual(await violations(page), [], `${name} ${colorScheme}`);
                    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth + 1), name);
                    await page.locator('#evaluation summary').first().click();
                    await page.screenshot({ path: `${screens}/evaluation-${name}-${colorScheme}.png`, fullPage: true });
                },
                { colorScheme, viewport: { width, height: 800 } },
            );
    });
