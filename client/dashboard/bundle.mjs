// node bundle.mjs WORK ASSETS.c: bundles the page's modules and styles by esbuild into WORK/out, under names with a
// hash of their bytes, compresses every file, and writes all of them as a table of C strings.
import { createRequire } from 'node:module';
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const here = dirname(fileURLToPath(import.meta.url));
const [work, table] = process.argv.slice(2);
const esbuild = createRequire(join(work, 'package.json'))('esbuild');

const types = {
    '.html': 'text/html; charset=utf-8',
    '.js': 'text/javascript; charset=utf-8',
    '.css': 'text/css; charset=utf-8',
    '.csv': 'text/csv; charset=utf-8',
    '.svg': 'image/svg+xml',
};

const hashOf = (bytes) => createHash('sha256').update(bytes).digest('hex').slice(0, 12);

/** Files that are taken as they are: name in the page -> file. */
const plain = { icon: 'icon.svg', penguins: '../../tests/data/penguins.csv' };

function plainAssets() {
    const assets = {},
        names = {};
    for (const [name, file] of Object.entries(plain)) {
        const bytes = readFileSync(join(here, file)),
            extension = extname(file);
        names[name] = `assets/${basename(file, extension)}-${hashOf(bytes)}${extension}`;
        assets[names[name]] = bytes;
    }
    return { assets, names };
}

/** Every chunk that the entry needs at once, so that the browser asks for all of them together. */
function needed(outputs, entry, seen = new Set()) {
    for (const { path, kind } of outputs[entry].imports)
        if (kind === 'import-statement' && !seen.has(path)) {
            seen.add(path);
            needed(outputs, path, seen);
        }
    return seen;
}

function bundle(names) {
    rmSync(join(work, 'out'), { recursive: true, force: true });
    mkdirSync(join(work, 'out'), { recursive: true });
    return esbuild.buildSync({
        entryPoints: [join(here, 'src/main.js')],
        absWorkingDir: work,
        outdir: join(work, 'out/assets'),
        entryNames: '[name]-[hash]',
        chunkNames: '[name]-[hash]',
        assetNames: '[name]-[hash]',
        bundle: true,
        splitting: true,
        format: 'esm',
        target: 'es2022',
        minify: true,
        metafile: true,
        charset: 'utf8',
        legalComments: 'none',
        nodePaths: [join(work, 'node_modules')],
        logLevel: 'warning',
        define: { SAMPLE_CSV: JSON.stringify(names.penguins) },
    }).metafile.outputs;
}

function page(outputs, names) {
    const entry = Object.keys(outputs).find((path) => outputs[path].entryPoint?.endsWith('src/main.js'));
    const local = (path) => path.replace(/^out\//, '');
    const preload = [...needed(outputs, entry)].map((path) => `<link rel="modulepreload" href="${local(path)}">`);
    return readFileSync(join(here, 'index.html'), 'utf8')
        .replace('{{icon}}', names.icon)
        .replace('{{style}}', local(outputs[entry].cssBundle))
        .replace('{{preload}}', preload.join(''))
        .replace('{{script}}', local(entry));
}

/** A C string of any bytes: octal escapes never run into the digit behind them. */
function cString(bytes) {
    const lines = [];
    for (let at = 0; at < bytes.length; at += 64) {
        let text = '';
        for (const byte of bytes.subarray(at, at + 64))
            text +=
                byte >= 32 && byte < 127 && byte !== 34 && byte !== 92 && byte !== 63
                    ? String.fromCharCode(byte)
                    : '\\' + byte.toString(8).padStart(3, '0');
        lines.push(`        "${text}"`);
    }
    return lines.join('\n');
}

function row([path, bytes]) {
    const compressed = [
        bytes,
        gzipSync(bytes, { level: 9 }),
        brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }),
    ].map((body, coding) => (coding === 0 || body.length < bytes.length ? body : Buffer.alloc(0)));
    const bodies = compressed.map((body) =>
        body.length === 0 ? '{NULL, 0}' : `{(const unsigned char *)\n${cString(body)}, ${body.length}}`,
    );
    const head = `"${path}", "${types[extname(path)]}", "${hashOf(bytes)}", ${path !== 'index.html'}`;
    return `    {${head},\n     {${bodies.join(',\n      ')}}},`;
}

const { assets, names } = plainAssets();
const outputs = bundle(names);
for (const path of Object.keys(outputs)) assets[path.replace(/^out\//, '')] = readFileSync(join(work, path));
assets['index.html'] = Buffer.from(page(outputs, names));
const sorted = Object.entries(assets).sort(([a], [b]) => (a < b ? -1 : 1));
writeFileSync(
    table,
    `#include "server/http/http.h"

extern const struct http_asset dashboard_assets[];
extern const size_t dashboard_asset_count;
const struct http_asset dashboard_assets[] = {
${sorted.map(row).join('\n')}
};
const size_t dashboard_asset_count = sizeof dashboard_assets / sizeof dashboard_assets[0];
`,
);
