// The course's exercise without leaving the page: a grid, its map, a loss to reach, advice, and the figures taken home.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import { test, before, after } from 'node:test';
import { Daemon, eventually, violations, visit, withBrowser } from './support.mjs';

const daemon = new Daemon(),
    screens = 'build/page-tests/screens';
let job;

withBrowser();
before(async () => {
    mkdirSync(screens, { recursive: true });
    await daemon.start();
});
after(() => daemon.remove());

test('one click does the exercise, and the map has a cell for each run', async () => {
    await visit(`${daemon.url}/#/new`, async (page) => {
        await page.locator('#exercise').click();
        await page.waitForURL(/#\/jobs\/\d+/);
        job = Number(/\d+$/.exec(page.url())[0]);
        await eventually(async () => (await page.locator('.heat button').count()) === 20, 'twenty cells');
        await eventually(async () => (await daemon.call(`/v1/jobs/${job}`)).terminal, 'all are trained');
        const { data } = await daemon.call(`/v1/jobs/${job}/runs?order_by=metrics.valid_loss&limit=1`);
        await page.locator(`.heat .best[data-run="${data[0].id}"]`).waitFor();
    });
});

test('a loss that is harder to reach takes more epochs, as the epochs of the run say', async () => {
    await visit(`${daemon.url}/#/jobs/${job}`, async (page) => {
        await page.locator('.heat .best').waitFor();
        await page.locator('#lab-measure').selectOption('epochs');
        const reached = page.locator('.heat button:not(:text("never"))');
        await page.locator('#lab-level').fill('90');
        const easy = await reached.count();
        assert.ok(easy > 10);
        await page.locator('#lab-level').fill('10');
        await eventually(async () => (await reached.count()) < easy, 'fewer get there');
        const id = await page.locator('.heat .best').getAttribute('data-run'),
            said = Number(await page.locator('.heat .best').textContent()),
            { epoch, valid_loss: loss } = await daemon.call(`/v1/runs/${id}/epochs`);
        const level = Number(await page.locator('#lab output').textContent());
        assert.ok(loss[epoch.indexOf(said)] <= level * 1.01);
        assert.ok(loss.slice(0, epoch.indexOf(said)).every((value) => value > level * 0.99));
        const map = await page.locator('.heat').textContent();
        await page.reload(); // the view is in the address
        await eventually(async () => (await page.locator('.heat').textContent()) === map, 'the same map');
        assert.equal(await page.locator('#lab-level').inputValue(), '10');
        await page.locator('#lab-measure').selectOption('loss');
        await eventually(async () => !page.url().includes('map='), 'the usual map is not in the address');
    });
});

test('a cell draws its curve and says why it does not learn; figures and picture are saved', async () => {
    const { data } = await daemon.call(`/v1/jobs/${job}/runs?limit=200`);
    const slow = data.find(({ spec: { optimizer: o } }) => o.momentum === 0 && o.learning_rate === 0.0001);
    await visit(`${daemon.url}/#/jobs/${job}?runs=none`, async (page) => {
        await page.locator(`[data-run="${slow.id}"]`).press('Enter');
        await page.waitForURL(new RegExp(`runs=(none,)?${slow.id}$`));
        await page.locator(`[data-run="${slow.id}"][aria-pressed=true]`).waitFor();
        await page.locator(`#lab-advice a[href="#/runs/${slow.id}"]`).waitFor();
        assert.ok((await page.locator('#lab-advice li').count()) > 0);
        assert.match(page.url(), new RegExp(`cell=${slow.id}`));
        const save = async (button) => {
            const waiting = page.waitForEvent('download');
            await page.locator(button).click();
            return readFileSync(await (await waiting).path());
        };
        const lines = String(await save('#lab-csv'))
            .trim()
            .split('\n');
        assert.equal(lines[0], 'run,momentum,learning_rate,loss');
        assert.equal(lines.length, 21);
        assert.deepEqual(
            [...(await save('#lab-png')).subarray(1, 4)].map((c) => String.fromCharCode(c)).join(''),
            'PNG',
        );
    });
});

for (const colorScheme of ['light', 'dark'])
    test(`axe has nothing to say of the laboratory in ${colorScheme} colors`, async () => {
        await visit(
            `${daemon.url}/#/jobs/${job}`,
            async (page) => {
                await page.locator('#lab-advice li').first().waitFor();
                await page.screenshot({ path: `${screens}/lab-${colorScheme}.png` });
                assert.deepEqual(await violations(page), []);
            },
            { colorScheme },
        );
    });
