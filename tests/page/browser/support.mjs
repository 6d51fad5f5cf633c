// A real daemon, a real Chromium, and what every test of the page asks of both: no console errors, no reports of the
// Content-Security-Policy.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';

const packages = createRequire(process.env.PACKAGES);
const { chromium } = packages('playwright-core');
const axeSource = readFileSync(packages.resolve('axe-core/axe.min.js'), 'utf8');

// ---- the daemon
// -------------------------------------------------------------------------------------------------------

export class Daemon {
    /** token: requests need it */
    constructor({ token = null } = {}) {
        this.token = token;
    }

    async start(port = 0) {
        this.directory ??= mkdtempSync(join(tmpdir(), 'mlpd-page-'));
        this.process = spawn(
            process.env.MLPD,
            ['--listen', `127.0.0.1:${port}`, '--data-dir', this.directory, '--workers', '2'],
            {
                stdio: ['ignore', 'pipe', 'ignore'],
                env: this.token ? { ...process.env, MLPD_TOKEN: this.token } : process.env,
            },
        );
        const line = await new Promise((resolve, reject) => {
            this.process.stdout.once('data', (data) => resolve(String(data)));
            this.process.once('exit', (code) => reject(new Error(`mlpd ended with ${code}`)));
        });
        this.url = /http:\/\/\S+/.exec(line)[0];
        this.port = Number(new URL(this.url).port);
    }

    async stop() {
        if (this.process.exitCode !== null || this.process.signalCode !== null) return;
        const ended = new Promise((resolve) => this.process.once('exit', resolve));
        this.process.kill('SIGTERM');
        await ended;
    }

    async remove() {
        await this.stop();
        rmSync(this.directory, { recursive: true });
    }

    async call(path, body, { method = body === undefined ? 'GET' : 'POST', type = 'application/json' } = {}) {
        const response = await fetch(this.url + path, {
            method,
            body: typeof body === 'object' ? JSON.stringify(body) : body,
            headers: {
                ...(body !== undefined && { 'Content-Type': type }),
                ...(this.token && { Authorization: `Bearer ${this.token}` }),
            },
        });
        assert.ok(response.ok, `${method} ${path}: ${response.status} ${response.ok ? '' : await response.text()}`);
        return response.status === 204 ? null : response.json();
    }

    uploadPenguins() {
        return this.call('/v1/datasets?name=penguins', readFileSync('tests/data/penguins.csv', 'utf8'), {
            type: 'text/csv',
        });
    }

    /** Starts a job on the penguins; with wait, returns when it is over. */
    async train(job, { wait = true } = {}) {
        const { id } = await this.call('/v1/jobs', { dataset: 'penguins', target: 'species', ...job });
        let now = await this.call(`/v1/jobs/${id}`);
        while (wait && !now.terminal) now = await this.call(`/v1/jobs/${id}?wait=30`);
        return now;
    }

    /** Trains a job of one run; the run's id. */
    async runOf(job) {
        const [run] = await this.runsOf((await this.train(job)).id);
        return run.id;
    }

    async runsOf(job) {
        return (await this.call(`/v1/jobs/${job}/runs`)).data;
    }
}

/** A second daemon, or a proxy, for as long as action takes. */
export async function during(server, action) {
    await server.start();
    try {
        await action(server);
    } finally {
        await (server.remove?.() ?? server.stop());
    }
}

/** Trains for hours, many epochs a second. */
export const endless = { network: { hidden: [{ units: 64 }] }, epochs: 1000000 };

// ---- a proxy in front of it
// -------------------------------------------------------------------------------------------

/** Serves the daemon under `prefix` only. allow(request) false: 401, as a daemon with a token would. */
export class Proxy {
    constructor(daemon, prefix, allow = () => true) {
        Object.assign(this, { daemon, prefix, allow, outside: [], sockets: new Set() });
    }

    async start(port = 0) {
        this.server = createServer((request, response) => this.pass(request, response));
        this.server.on('connection', (socket) => {
            this.sockets.add(socket);
            socket.once('close', () => this.sockets.delete(socket));
        });
        await new Promise((resolve) => this.server.listen(port, '127.0.0.1', resolve));
        this.port = this.server.address().port;
        this.url = `http://127.0.0.1:${this.port}${this.prefix}`;
    }

    pass(request, response) {
        if (!request.url.startsWith(this.prefix)) {
            this.outside.push(request.url);
            response.writeHead(404).end();
        } else if (!this.allow(request)) {
            response
                .writeHead(401, { 'Content-Type': 'application/problem+json', 'WWW-Authenticate': 'Bearer' })
                .end('{"title":"Unauthorized","status":401}');
        } else {
            const path = request.url.slice(this.prefix.length - 1),
                headers = { ...request.headers, host: `127.0.0.1:${this.daemon.port}` };
            delete headers.origin; /* it is the proxy's */
            const onward = httpRequest(
                { host: '127.0.0.1', port: this.daemon.port, path, method: request.method, headers },
                (answer) => {
                    response.writeHead(answer.statusCode, answer.headers);
                    answer.pipe(response);
                },
            );
            onward.on('error', () => response.destroy());
            response.on('close', () => onward.destroy());
            request.pipe(onward);
        }
    }

    async stop() {
        this.sockets.forEach((socket) => socket.destroy());
        await new Promise((resolve) => this.server.close(resolve));
    }
}

// ---- the browser
// ------------------------------------------------------------------------------------------------------

let browser;

export function withBrowser() {
    before(async () => {
        browser = await chromium.launch({
            executablePath: process.env.CHROMIUM,
            args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
        });
    });
    after(() => browser.close());
}

/**
 * Opens url in a fresh profile and runs action(page). Afterwards nothing may have complained: failures lists texts of
 * console errors that the test is about, such as of a server that is down.
 */
export async function visit(url, action, { failures = [], ...options } = {}) {
    const context = await browser.newContext({
        viewport: { width: 1280, height: 900 },
        locale: 'en-US',
        acceptDownloads: true,
        ...options,
    });
    const page = await context.newPage(),
        complaints = [];
    page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
    page.on('pageerror', (error) => complaints.push(error.stack));
    await page.addInitScript(() => {
        addEventListener('securitypolicyviolation', (event) =>
            console.error(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`),
        );
    });
    page.setDefaultTimeout(20000);
    try {
        await page.goto(url);
        await action(page, context);
        assert.deepEqual(
            complaints.filter((text) => !failures.some((expected) => text.includes(expected))),
            [],
        );
    } finally {
        await context.close();
    }
}

/** What axe finds against WCAG 2.2 A and AA. */
export async function violations(page) {
    await page.evaluate(axeSource);
    const found = await page.evaluate(() =>
        globalThis.axe.run(document, {
            runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
        }),
    );
    return found.violations.map(({ id, nodes }) =>
        [id, ...nodes.map((node) => `${node.html.slice(0, 160)} ${node.failureSummary.slice(0, 200)}`)].join(' | '),
    );
}

/** Waits until probe() is true; its last value is in the message when it never is. */
export async function eventually(probe, what, seconds = 20) {
    const end = Date.now() + seconds * 1000;
    for (;;) {
        const value = await probe();
        if (value) return value;
        if (Date.now() > end) assert.fail(`${what}: still ${JSON.stringify(value)} after ${seconds} s`);
        await new Promise((resolve) => setTimeout(resolve, 50));
    }
}

/** "1,200 of 5,000 epochs drawn" -> [1200, 5000] */
export async function drawn(page) {
    const text = await page.locator('#count').textContent();
    return [...text.replaceAll(/[.,]/g, '').matchAll(/\d+/g)].map(([digits]) => Number(digits));
}
