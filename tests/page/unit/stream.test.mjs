import assert from 'node:assert/strict';
import test from 'node:test';

globalThis.document = { baseURI: 'http://localhost/' }; // of the module that makes addresses
const { EventParser } = await import('../../../client/dashboard/src/lib/stream.js');

const TEXT =
    'retry: 1000\n\nid: 7\nevent: job\ndata: {"id":3,"status":"running"}\n\n:\n\nid: 9\nevent: run\ndata: {"id":4}\n\n';

test('events are read whole however the stream is cut', () => {
    for (let size = 1; size <= TEXT.length; size++) {
        const parser = new EventParser(),
            events = [];
        for (let at = 0; at < TEXT.length; at += size) events.push(...parser.take(TEXT.slice(at, at + size)));
        assert.deepEqual(
            events.filter(({ name }) => name),
            [
                { id: '7', name: 'job', data: { id: 3, status: 'running' } },
                { id: '9', name: 'run', data: { id: 4 } },
            ],
        );
    }
});

test('a sign of life is no event, and does not move the place', () => {
    const [comment] = new EventParser().take(':\n\n');
    assert.deepEqual([comment.name, comment.id], ['', null]);
});
