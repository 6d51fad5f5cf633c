// In which hyper-parameters runs differ. Pure.

const IGNORED = new Set(['', '/name', '/grid', '/threads']);

/** {"/optimizer/momentum": 0.9, ...}: every leaf by its JSON Pointer. */
export function flatten(value, pointer = '', into = {}) {
    if (value !== null && typeof value === 'object' && Object.keys(value).length > 0)
        for (const [name, inner] of Object.entries(value))
            flatten(inner, `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`, into);
    else into[pointer] = value;
    return into;
}

/** The pointers at which the specs are not all the same, in the order of the first spec that has them. */
export function differing(specs) {
    const flat = specs.map((spec) => flatten(spec)),
        pointers = [...new Set(flat.flatMap((one) => Object.keys(one)))];
    return pointers.filter(
        (pointer) => !IGNORED.has(pointer) && new Set(flat.map((one) => JSON.stringify(one[pointer]))).size > 1,
    );
}

/** A short name for each pointer: its last part, with as much before it as tells it from the others. */
export function shortNames(pointers) {
    const parts = pointers.map((pointer) => pointer.split('/').slice(1));
    return parts.map((one) => {
        for (let n = 1; n < one.length; n++) {
            const ending = one.slice(-n).join('.');
            const same = parts.filter((other) => other.slice(-n).join('.') === ending);
            if (!/^(\d|name$)/.test(ending) && same.length === 1)
                return ending;
        }
        return one.join('.');
    });
}

/** What is at a pointer, as it is read: absent is "", and a number that was drawn from a range has five digits. */
export function valueAt(spec, pointer) {
    const value = flatten(spec)[pointer];
    if (value === undefined) return '';
    if (typeof value === 'number' && !Number.isInteger(value)) return String(Number(value.toPrecision(5)));
    return typeof value === 'string' ? value : JSON.stringify(value);
}
