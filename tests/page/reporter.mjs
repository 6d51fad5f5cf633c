// node's test runner, told in the way that tests/run reads: as cmocka does. A file counts only when it ended badly by
// itself.

function counts({ name, details }) {
    return !name.endsWith('.test.mjs') || (details.error && details.error.failureType !== 'subtestsFailed');
}

export default async function* reporter(source) {
    let count = 0;
    for await (const { type, data } of source) {
        if ((type === 'test:pass' || type === 'test:fail') && details(data) && counts(data)) {
            count++;
            yield `[       ${type === 'test:pass' ? 'OK' : 'FAILED'} ] ${data.name}\n`;
            if (type === 'test:fail')
                yield `${data.details.error?.cause?.stack ?? data.details.error?.stack ?? data.details.error}\n`;
        } else if (type === 'test:stderr' || type === 'test:stdout') {
            yield data.message;
        }
    }
    yield `[==========] Running ${count} test(s).\n`;
}

function details(data) {
    return data.details?.type !== 'suite';
}
