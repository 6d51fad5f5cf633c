// Runs of several targets: what each reached on its own, and what the playground says of each.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { test, before, after } from 'node:test';
import { Daemon, eventually, violations, visit, withBrowser } from './support.mjs';

const daemon = new Daemon(),
    screens = 'build/page-tests/screens';
let numbers, labels;

const runOf = (job) => daemon.runOf({ epochs: 20, ...job });

withBrowser();
before(async () => {
    mkdirSync(screens, { recursive: true });
    await daemon.start();
    await daemon.uploadPenguins();
    const rows = Array.from({ length: 200 }, (_, i) => {
        const [a, b] = [i % 12, i % 7];
        return `${a},${b},${a > 5 ? 'yes' : 'no'},${a + b > 9 ? 'on' : 'off'}`;
    });
    await daemon.call('/v1/datasets?name=ill', `a,b,fever,cough\n${rows.join('\n')}\n`, { type: 'text/csv' });
    const validation = { fraction: 0.3 };
    numbers = await runOf({ name: 'two measures', target: ['bill_length_mm', 'body_mass_g'], validation });
    labels = await runOf({ name: 'two labels', dataset: 'ill', target: ['fever', 'cough'], validation });
});
after(() => daemon.remove());

const open = (run, action, options) => visit(`${daemon.url}/#/runs/${run}`, action, options);
const evaluationOf = (run) => daemon.call(`/v1/runs/${run}/evaluation`);
const textsOf = (page, selector) => page.locator(selector).allTextContents();

test('each number has its figures and its residuals', async () => {
    const { targets } = await evaluationOf(numbers);
    await open(numbers, async (page) => {
        await page.locator('#targets').waitFor();
        const summary = await page.locator('.summary').first().textContent();
        assert.match(summary, /^bill_length_mm, body_mass_g · penguins · /);
        assert.deepEqual(await textsOf(page, '#targets tbody th'), ['bill_length_mm', 'body_mass_g']);
        const heads = ['Target', 'valid_loss', 'valid_rmse', 'valid_mae', 'valid_r2'];
        assert.deepEqual(await textsOf(page, '#targets thead th'), heads);
        const shown = await textsOf(page, '#targets tbody tr:nth-child(2) td');
        assert.ok(Math.abs(Number(shown[1].replace(/[^\d.]/g, '')) / targets[1].valid_rmse - 1) < 0.01, shown.join());
        assert.deepEqual(await textsOf(page, '#entry option'), ['bill_length_mm', 'body_mass_g']);
        await page.locator('#predicted-actual').waitFor();
        await page.locator('#entry').selectOption('body_mass_g');
        await eventually(async () => page.url().includes('of=body_mass_g'), 'the target in the address');
        assert.deepEqual(await violations(page), []);
    });
});

test('the second class of each label has its curves', async () => {
    const { targets } = await evaluationOf(labels);
    await open(labels, async (page) => {
        await page.locator('#targets').waitFor();
        assert.deepEqual(await textsOf(page, '#targets tbody th'), ['fever', 'cough']);
        assert.deepEqual(await textsOf(page, '#entry option'), ['fever: yes', 'cough: on']);
        await page.locator('#entry').selectOption('cough: on');
        await page.locator('#threshold-counts .cell').first().waitFor();
        const [[spared, wrong], [missed, right]] = targets[1].confusion_matrix;
        const counts = (await textsOf(page, '#threshold-counts .cell b')).map(Number);
        assert.deepEqual(counts, [right, missed, wrong, spared]);
        assert.deepEqual(await violations(page), []);
    });
});

test('the playground says each target', async () => {
    for (const [run, names] of [
        [numbers, ['bill_length_mm', 'body_mass_g']],
        [labels, ['fever', 'cough']],
    ])
        await visit(`${daemon.url}/#/runs/${run}/predict`, async (page) => {
            await page.locator('.says', { hasText: /\d/ }).first().waitFor();
            const said = await textsOf(page, '.says');
            assert.equal(said.length, 2);
            names.forEach((name, i) => assert.ok(said[i].startsWith(name), said[i]));
            assert.equal(await page.locator('.bars-table:visible').count(), run === labels ? 2 : 0);
            await page.locator('#pasted').fill(run === labels ? 'a,b\n11,6\n1,1\n' : 'island,year\nBiscoe,2007\n');
            await page.locator('#predict-pasted').click();
            await page.locator('#save-predicted').waitFor();
            const words = await textsOf(page, '#predicted > p');
            names.forEach((name, i) => assert.ok(words[i].startsWith(`${name}: `), words[i]));
            assert.deepEqual((await textsOf(page, '#predicted thead th')).slice(2, 4), names);
            assert.deepEqual(await violations(page), []);
        });
});

for (const colorScheme of ['light', 'dark'])
    test(`pictures, ${colorScheme}`, async () => {
        for (const [name, run] of Object.entries({ numbers, labels }))
            for (const where of ['', '/predict'])
                await visit(
                    `${daemon.url}/#/runs/${run}${where}`,
                    async (page) => {
                        const there = where ? '.says' : '#evaluation .plots, #evaluation #threshold-counts';
                        await page.locator(there).first().waitFor();
                        const path = `${screens}/targets-${name}${where.replace('/', '-')}-${colorScheme}.png`;
                        await page.screenshot({ path, fullPage: true });
                        assert.ok(readFileSync(path).length > 10000);
                    },
                    { colorScheme },
                );
    });
