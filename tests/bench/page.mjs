// tests/page.sh tests/bench/page.mjs URL RUN: times of the page in a real Chromium, and bytes of a first load, as JSON:
// {first, again, zoom, bytes: {name: [of each round]}}. A frame counts when its painting has been handed over.
import { createRequire } from 'node:module';

const { chromium } = createRequire(process.env.PACKAGES)('playwright-core');
const rounds = Number(process.env.ROUNDS ?? 9);
const [url, run] = process.argv.slice(2);

/** In the page, before its own code: notes when rows are there, when a canvas is drawn, and when that is painted. */
function instrument() {
    const seen = { rows: null, drawn: 0, up: 0 };
    globalThis.seen = seen;
    const painted = (name) =>
        requestAnimationFrame(() => {
            const { port1, port2 } = new MessageChannel();
            port1.onmessage = () => (seen[name] = performance.now());
            port2.postMessage(null);
        });
    new MutationObserver((_, observer) => {
        if (!document.querySelector('tbody td.name a')?.textContent) return;
        observer.disconnect();
        painted('rows');
    }).observe(document, { childList: true, subtree: true, characterData: true });
    const { stroke } = CanvasRenderingContext2D.prototype;
    CanvasRenderingContext2D.prototype.stroke = function (...path) {
        painted('drawn');
        return stroke.apply(this, path);
    };
    addEventListener('mouseup', (event) => (seen.up = event.timeStamp), true);
}

const paint = (page) =>
    page.evaluate(() => ({
        'first contentful paint': performance.getEntriesByName('first-contentful-paint')[0].startTime,
        'rows painted': globalThis.seen.rows,
    }));

async function shown(page, address) {
    await page.goto('about:blank');
    await page.goto(address);
    await page.waitForFunction(() => globalThis.seen.rows !== null);
    await page.waitForTimeout(200);
    return paint(page);
}

const kinds = ['of these files', 'of these the list'];

/** The bytes of all answers until the list is there, by the wire. */
async function transferred(context, page, action) {
    const session = await context.newCDPSession(page),
        parts = new Map();
    await session.send('Network.enable');
    const types = {};
    session.on('Network.responseReceived', ({ requestId, response }) => {
        types[requestId] = kinds[Number(response.url.includes('/v1/'))];
    });
    session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
        parts.set(requestId, encodedDataLength);
    });
    const result = await action();
    const sum = (kind) => [...parts].reduce((n, [id, size]) => n + (kind && types[id] !== kind ? 0 : size), 0);
    await session.detach();
    const figures = Object.fromEntries(kinds.map((kind) => [kind, sum(kind)]));
    return [result, { all: sum(), ...figures }];
}

async function zoom(page) {
    const box = await page.locator('#curves .u-over').boundingBox(),
        y = box.y + box.height / 2,
        at = (share) => box.x + share * box.width;
    await page.mouse.dblclick(at(0.5), y);
    await page.waitForTimeout(500);
    await page.mouse.move(at(0.3), y);
    await page.mouse.down();
    await page.mouse.move(at(0.35), y);
    await page.mouse.move(at(0.4), y);
    await page.evaluate(() => performance.clearResourceTimings());
    await page.mouse.up();
    await page.waitForTimeout(700);
    return page.evaluate(() => {
        const asked = performance.getEntriesByType('resource').find(({ name }) => name.includes('from='));
        const { up, drawn } = globalThis.seen;
        if (!asked || drawn < asked.responseEnd) throw new Error('no redraw');
        return {
            redrawn: drawn - up,
            'of this to the request': asked.startTime - up,
            'of this the request': asked.responseEnd - asked.startTime,
        };
    });
}

const result = { first: {}, again: {}, zoom: {}, bytes: {} };
function note(kind, figures) {
    for (const [name, value] of Object.entries(figures)) (result[kind][name] ??= []).push(value);
}

const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM,
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
});
for (let round = -1; round < rounds; round++) {
    const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, locale: 'en-US' });
    await context.addInitScript(instrument);
    const page = await context.newPage();
    await page.goto(`${url}/healthz`);
    await page.waitForTimeout(200);
    const { 'first contentful paint': bare } = await paint(page);
    const [first, bytes] = await transferred(context, page, () => shown(page, `${url}/`));
    const again = await shown(page, `${url}/`);
    await page.goto(`${url}/#/runs/${run}`);
    await page.reload();
    await page.locator('#curves .u-over').waitFor();
    const zoomed = await zoom(page);
    await context.close();
    if (round < 0) continue; // it warms the browser and the machine
    note('first', { ...first, 'a text alone (/healthz)': bare });
    note('again', again);
    note('zoom', zoomed);
    note('bytes', bytes);
}
await browser.close();
console.log(JSON.stringify(result));
