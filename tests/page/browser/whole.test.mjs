// All runs of a job at once: parallel axes of a search and of a large grid, and the folds of a cross-validation.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { test, before, after } from 'node:test';
import { Daemon, eventually, violations, visit, withBrowser } from './support.mjs';

const daemon = new Daemon(),
    screens = 'build/page-tests/screens';
let search, runs, folded, single;

const RATE = '/optimizer/learning_rate',
    UNITS = '/network/hidden/0/units',
    ACTIVATION = '/network/hidden/0/activation';

withBrowser();
before(async () => {
    mkdirSync(screens, { recursive: true });
    await daemon.start();
    await daemon.uploadPenguins();
    search = await daemon.train({
        epochs: 8,
        search: {
            parameters: {
                [RATE]: { log_uniform: [0.00001, 1] },
                [UNITS]: { uniform: [2, 40] },
                [ACTIVATION]: { choice: ['relu', 'tanh', 'step'] },
                '/batch_size': { choice: ['full', 32] },
            },
            runs: 40,
        },
    });
    runs = (await daemon.call(`/v1/jobs/${search.id}/runs?limit=200`)).data;
    single = await daemon.train({ epochs: 4, validation: { folds: 4 } });
    folded = await daemon.train({ epochs: 4, validation: { folds: 3 }, grid: { [RATE]: [0.0001, 0.01] } });
});
after(() => daemon.remove());

const count = (page) => page.locator('#parallel-count').textContent();
const handle = (page, pointer, end) => page.locator(`[id="axis-${pointer}-${end}"]`);
const best = (list) => list.reduce((a, b) => (b.metrics.valid_loss < a.metrics.valid_loss ? b : a));
const open = async (page) => page.locator('#parallel .line').first().waitFor({ state: 'attached' });

test('each run is a line over its axes, and the caption says which is the best', async () => {
    await visit(`${daemon.url}/#/jobs/${search.id}`, async (page) => {
        await open(page);
        assert.equal(await page.locator('#parallel .line').count(), 40);
        assert.deepEqual(
            await page.locator('#parallel .axis-name').evaluateAll((all) => all.map((e) => e.firstChild.data)),
            ['learning_rate', 'units', 'activation', 'batch_size', 'valid_loss'],
        );
        assert.equal(await page.locator('#parallel .axis-scale').first().textContent(), 'log');
        assert.match(await page.locator('#parallel figcaption').textContent(), new RegExp(`run ${best(runs).number}:`));
        assert.ok(await page.locator('#lab').isHidden());
    });
});

test('a range is moved by keyboard, is in the address, and is there again after a reload', async () => {
    const rates = runs.map(({ hyperparameters }) => hyperparameters[RATE]).sort((a, b) => a - b);
    await visit(`${daemon.url}/#/jobs/${search.id}`, async (page) => {
        await open(page);
        await handle(page, RATE, 0).focus();
        for (let i = 0; i < 10; i++) await page.keyboard.press('ArrowUp');
        await eventually(async () => (await count(page)) === '30 of 40 runs', 'ten are left out');
        assert.deepEqual(JSON.parse(new URLSearchParams(page.url().split('?')[1]).get('only')), {
            [RATE]: [rates[10], rates.at(-1)],
        });
        await page.keyboard.press('PageUp');
        await eventually(async () => (await count(page)) === '20 of 40 runs', 'ten more');
        assert.ok(await handle(page, RATE, 0).evaluate((e) => e === document.activeElement));
        await handle(page, ACTIVATION, 1).press('Home');
        const first = runs[0].hyperparameters[ACTIVATION]; // the foot of the axis is what came first
        const wanted = runs.filter(({ hyperparameters: p }) => p[RATE] >= rates[20] && p[ACTIVATION] === first);
        await eventually(async () => (await count(page)) === `${wanted.length} of 40 runs`, 'both ranges');
        await page.reload();
        await open(page);
        assert.equal(await count(page), `${wanted.length} of 40 runs`);
        assert.equal(await handle(page, ACTIVATION, 0).getAttribute('aria-valuetext'), first);
        await handle(page, ACTIVATION, 1).press('Escape');
        await eventually(async () => (await count(page)) === '20 of 40 runs', 'one range is gone');
        await page.locator('#parallel-reset').click();
        await eventually(async () => (await count(page)) === '40 of 40 runs', 'all of them');
        assert.ok(!page.url().includes('only'));
    });
});

test('a range is drawn by the mouse, moved by its end, and taken away by a click', async () => {
    await visit(`${daemon.url}/#/jobs/${search.id}`, async (page) => {
        await open(page);
        const axis = page.locator('#parallel .hit').nth(1);
        await axis.scrollIntoViewIfNeeded();
        const box = await axis.boundingBox(),
            x = box.x + box.width / 2,
            y = (place) => box.y + box.height * (1 - place);
        const drag = async (from, to) => {
            await page.mouse.move(x, from);
            await page.mouse.down();
            await page.mouse.move(x, (from + to) / 2);
            await page.mouse.move(x, to);
            await page.mouse.up();
        };
        const units = runs.map(({ hyperparameters: p }) => p[UNITS]),
            [low, high] = [Math.min(...units), Math.max(...units)];
        const between = (a, b) =>
            units.filter((n) => n >= low + a * (high - low) && n <= low + b * (high - low)).length;
        await drag(y(0.3), y(0.71));
        await eventually(async () => (await count(page)) === `${between(0.3, 0.71)} of 40 runs`, 'the middle');
        const end = await handle(page, UNITS, 1).boundingBox();
        await drag(end.y + end.height / 2, y(1) - 2);
        await eventually(async () => (await count(page)) === `${between(0.3, 1)} of 40 runs`, 'and above');
        await page.mouse.click(x, y(0.5));
        await eventually(async () => (await count(page)) === '40 of 40 runs', 'no range');
        assert.ok(page.url().includes(`/jobs/${search.id}`)); // a click on an axis opens no run
    });
});

test('a line says its run under the pointer and opens it; by keyboard the runs are a list', async () => {
    const { id } = best(runs);
    await visit(`${daemon.url}/#/jobs/${search.id}`, async (page) => {
        await open(page);
        const place = await page.locator(`#line-${id}`).evaluate((path) => {
            const box = path.ownerSVGElement.getBoundingClientRect(),
                [[x1, y1], [x2, y2]] = [...path.getAttribute('d').matchAll(/([\d.]+) ([\d.]+)/g)]
                    .slice(-2)
                    .map(([, x, y]) => [Number(x), Number(y)]);
            return [box.left + x1 + 0.85 * (x2 - x1), box.top + y1 + 0.85 * (y2 - y1)];
        });
        await page.mouse.move(...place);
        await page.locator('.readout', { hasText: 'valid_loss' }).waitFor();
        const said = await page.locator('.readout').textContent();
        await page.mouse.click(...place);
        await page.waitForURL(/#\/runs\/\d+/);
        const opened = runs.find((run) => page.url().endsWith(`/runs/${run.id}`));
        assert.ok(said.startsWith(`run ${opened.number}:`));
        await page.goBack();
        await open(page);
        await page.locator('#parallel-runs').focus();
        await page.locator('.readout', { hasText: `run ${best(runs).number}:` }).waitFor();
        await page.keyboard.press('ArrowDown');
        const others = runs.filter((run) => run.id !== id);
        assert.match(await page.locator('.readout').textContent(), new RegExp(`^run ${best(others).number}:`));
        assert.equal(
            await page.locator('#parallel-runs').getAttribute('aria-activedescendant'),
            `line-${best(others).id}`,
        );
        await page.keyboard.press('Home');
        await page.keyboard.press('Enter');
        await page.waitForURL(new RegExp(`#/runs/${id}$`));
    });
});

test('another figure colors the lines and is their last axis; the table has what is shown', async () => {
    await visit(`${daemon.url}/#/jobs/${search.id}`, async (page) => {
        await open(page);
        await page.locator('#parallel-metric').selectOption('valid_accuracy');
        await page.waitForURL(/by=valid_accuracy/);
        await handle(page, 'metrics/', 0).press('End'); // the best accuracy alone
        const most = Math.max(...runs.map(({ metrics }) => metrics.valid_accuracy)),
            wanted = runs.filter(({ metrics }) => metrics.valid_accuracy === most).length;
        await eventually(async () => (await count(page)) === `${wanted} of 40 runs`, 'the most accurate');
        await page.locator('#parallel summary').click();
        await page.locator('#parallel tbody a').first().waitFor();
        assert.equal(await page.locator('#parallel tbody tr').count(), wanted);
    });
});

test('a grid of a thousand runs is drawn and filtered', async () => {
    const values = Array.from({ length: 10 }, (_, i) => i + 1),
        grid = { '/seed': values, [UNITS]: values, '/regularization/l2': values.map((n) => n / 1000) };
    const big = await daemon.train({ epochs: 1, batch_size: 'full', grid });
    await visit(`${daemon.url}/#/jobs/${big.id}`, async (page) => {
        await open(page);
        assert.equal(await page.locator('#parallel .line').count(), 1000);
        await handle(page, UNITS, 0).press('ArrowUp');
        await eventually(async () => (await count(page)) === '900 of 1,000 runs', 'a tenth is left out');
        await handle(page, '/seed', 1).press('Home');
        await eventually(async () => (await count(page)) === '90 of 1,000 runs', 'one seed');
    });
});

test('of more runs than are drawn it is said which ones are there', async () => {
    const values = Array.from({ length: 21 }, (_, i) => i + 1),
        grid = { '/seed': values.slice(0, 10), [UNITS]: values.slice(0, 10), '/regularization/l2': values };
    const job = await daemon.train({ epochs: 1, batch_size: 'full', threads: 1, grid });
    await visit(`${daemon.url}/#/jobs/${job.id}`, async (page) => {
        await open(page);
        const said = 'The job has 2,100 runs. Only the 2,000 with the lowest valid_loss are drawn here.';
        assert.equal(await page.locator('#parallel-part').textContent(), said);
        assert.equal(await page.locator('#parallel h2').textContent(), 'The best runs');
        assert.equal(await count(page), '2,000 of 2,000 runs');
        await page.screenshot({ path: `${screens}/parallel-part.png` });
    });
});

test('a job of folds says mean and spread as its API does, and each fold opens its run', async () => {
    const { data } = await daemon.call(`/v1/jobs/${single.id}/folds`);
    const { mean, standard_deviation: deviation } = data[0].metrics.valid_loss;
    await visit(`${daemon.url}/#/jobs/${single.id}`, async (page) => {
        await page.locator('#folds .dot').nth(3).waitFor();
        const said = await page.locator('#folds figcaption').textContent();
        assert.ok(said.includes(`${Number(mean.toPrecision(4))} ± ${Number(deviation.toPrecision(4))}`), said);
        assert.equal(await page.locator('#folds tbody tr').count(), Object.keys(data[0].metrics).length + 1);
        await page.locator('#folds-metric').selectOption('valid_accuracy');
        await page.waitForURL(/by=valid_accuracy/);
        await page.locator('#folds figcaption', { hasText: 'valid_accuracy' }).waitFor();
        await page.locator('#folds .dot').nth(2).press('Enter');
        await page.waitForURL(new RegExp(`#/runs/${data[0].runs[2]}$`));
    });
});

test('the folds of a grid are its points, the best first', async () => {
    const { data } = await daemon.call(`/v1/jobs/${folded.id}/folds`);
    await visit(`${daemon.url}/#/jobs/${folded.id}`, async (page) => {
        await page.locator('#folds .dot').nth(5).waitFor();
        assert.deepEqual(
            await page.locator('#folds tbody th').allTextContents(),
            data.map(({ hyperparameters }) => `learning_rate ${hyperparameters[RATE]}`),
        );
        const caption = await page.locator('#folds figcaption').textContent();
        assert.match(caption, new RegExp(`best of 2 points is learning_rate ${data[0].hyperparameters[RATE]}`));
    });
});

for (const [colorScheme, locale, width] of [
    ['light', 'en-US', 1280],
    ['dark', 'es-ES', 1280],
    ['light', 'es-ES', 390],
])
    test(`axe has nothing to say of the whole, in ${colorScheme} colors, ${locale}, ${width} pixels`, async () => {
        const only = encodeURIComponent(JSON.stringify({ [ACTIVATION]: ['relu', 'relu'] }));
        for (const [name, job, ready] of [
            ['parallel', search, '#parallel .line'],
            ['folds', single, '#folds .dot'],
            ['folds-grid', folded, '#folds .dot'],
        ])
            await visit(
                `${daemon.url}/#/jobs/${job.id}?only=${only}`,
                async (page) => {
                    await page.locator(ready).first().waitFor({ state: 'attached' });
                    await page.locator('#curves canvas').waitFor();
                    await page.screenshot({ path: `${screens}/${name}-${colorScheme}-${width}.png`, fullPage: true });
                    assert.deepEqual(await violations(page), []);
                    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
                },
                { colorScheme, locale, viewport: { width, height: 900 } },
            );
    });
