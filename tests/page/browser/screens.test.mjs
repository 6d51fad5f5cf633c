// Pictures of the views in both themes, in build/page-tests/screens: to be looked at. SCREENSHOTS=DIR keeps the small
// ones of the README there. What is tested is that the curves are painted, in the colors of the theme.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { test, before, after } from 'node:test';
import { Daemon, drawn, eventually, visit, withBrowser } from './support.mjs';

const daemon = new Daemon(),
    screens = 'build/page-tests/screens';
let views;

withBrowser();
before(async () => {
    mkdirSync(screens, { recursive: true });
    await daemon.start();
    await daemon.uploadPenguins();
    const grid = await daemon.train({
        name: 'momentum study',
        epochs: 200,
        seed: 7,
        network: { hidden: [{ units: 16 }] },
        optimizer: { name: 'momentum' },
        grid: { '/optimizer/momentum': [0, 0.5, 0.9], '/optimizer/learning_rate': [0.001, 0.01, 0.1] },
    });
    const single = await daemon.train({
        name: 'male or female?',
        target: 'sex',
        epochs: 400,
        network: { hidden: [{ units: 32 }, { units: 32 }] },
        optimizer: { name: 'adam', learning_rate: 0.003 },
    });
    const [run] = await daemon.runsOf(single.id);
    views = {
        jobs: { hash: '#/jobs', ready: 'tbody tr' },
        job: { hash: `#/jobs/${grid.id}`, ready: '#curves canvas', readme: true },
        run: { hash: `#/runs/${run.id}`, ready: '#evaluation .confusion', readme: true },
        playground: { hash: `#/runs/${run.id}/predict`, ready: '.bars-table .best', readme: true },
        compare: { hash: `#/compare?jobs=${grid.id},${single.id}`, ready: '#curves canvas' },
        service: { hash: '#/service', ready: '#routes td' },
    };
});
after(() => daemon.remove());

/** How many pixels of the first curve have exactly the color of a line. */
function painted(page, name) {
    return page.evaluate((property) => {
        const probe = document.body.appendChild(document.createElement('i'));
        probe.style.color = `var(${property})`;
        const wanted = getComputedStyle(probe).color.match(/\d+/g).map(Number),
            canvas = document.querySelector('#curves canvas'),
            { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        let count = 0;
        for (let i = 0; i < data.length; i += 4)
            count += wanted.every((value, channel) => Math.abs(data[i + channel] - value) < 3) && data[i + 3] > 250;
        return count;
    }, name);
}

for (const colorScheme of ['light', 'dark'])
    test(`every view is painted in ${colorScheme} colors`, async () => {
        for (const [name, { hash, ready, readme }] of Object.entries(views)) {
            const look = async (page) => {
                await page.locator(ready).first().waitFor();
                await page.locator('.connection', { hasText: 'live' }).waitFor();
                if (await page.locator('#curves canvas').count()) {
                    await eventually(async () => (await drawn(page))[0] > 0, 'epochs');
                    assert.ok((await painted(page, '--line-1')) > 200, `${name}: no line is painted`);
                }
                await page.screenshot({ path: `${screens}/${name}-${colorScheme}.png`, fullPage: true });
                const small = process.env.SCREENSHOTS && readme && (colorScheme === 'dark') === (name === 'run');
                const path = `${process.env.SCREENSHOTS}/${name}.jpg`;
                if (small) await page.screenshot({ path, type: 'jpeg', quality: 72 });
            };
            await visit(`${daemon.url}/${hash}`, look, { colorScheme, viewport: { width: 1120, height: 760 } });
        }
    });
