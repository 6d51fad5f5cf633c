// A form's values as the job that they make, and back. Pure: the fields come from /v1/schema.
import { axesOf, axisAt, axisText, setAxis } from './axes.js';

const escape = (name) => String(name).replaceAll('~', '~0').replaceAll('/', '~1');
const unescape = (name) => name.replaceAll('~1', '/').replaceAll('~0', '~');

/** "/optimizer", "name" -> "/optimizer/name" (RFC 6901) */
export function below(pointer, name) {
    return `${pointer}/${escape(name)}`;
}

export function namesOf(pointer) {
    return pointer.split('/').slice(1).map(unescape);
}

/** Names come from tables of users: one that every object inherits ("__proto__") is a name like any other. */
function own(object, name) {
    return object !== null && typeof object === 'object' && Object.hasOwn(object, name) ? object[name] : undefined;
}

function put(object, name, value) {
    Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}

/** What is at a pointer; undefined for nothing. */
export function valueOf(job, pointer) {
    return namesOf(pointer).reduce(own, job);
}

/** Puts a value at a pointer; undefined takes it away, with the objects that are empty then. */
export function assign(job, pointer, value) {
    const names = namesOf(pointer),
        last = names.pop();
    const path = [job];
    for (const name of names) {
        const inner = own(path.at(-1), name) ?? null;
        if (inner === null && value === undefined) return;
        if (inner === null) put(path.at(-1), name, {});
        path.push(own(path.at(-1), name));
    }
    if (value !== undefined) {
        put(path.at(-1), last, value);
        return;
    }
    delete path.at(-1)[last];
    for (let i = names.length; i > 0 && Object.keys(path[i]).length === 0; i--) {
        if (Array.isArray(path[i]) || Array.isArray(path[i - 1])) return;
        delete path[i - 1][names[i - 1]];
    }
}

/** The schema of a value where null, or one more spelling of a number, is allowed: {kind, nullable, word, ...}. */
export function fieldOf(schema) {
    const choices = schema.oneOf ?? [schema],
        types = choices.flatMap(({ type }) => type ?? []);
    const main = choices.find(({ type }) => type !== undefined && type !== 'null') ?? schema;
    const kind = schema.enum ? 'choice' : (types.find((type) => type !== 'null') ?? 'other');
    return {
        ...main,
        ...schema,
        kind,
        nullable: types.includes('null'),
        word: choices.find((choice) => 'const' in choice)?.const,
    };
}

/** The value of a field, or the axis {kind, values} of several: then it stands in the grid or the search. */
export function setField(job, pointer, value) {
    const axis = Array.isArray(value?.values) ? value : null;
    setAxis(job, pointer, axis);
    assign(job, pointer, axis ? undefined : value);
}

/** As a field shows it. */
export function fieldText(job, pointer) {
    const axis = axisAt(job, pointer),
        value = valueOf(job, pointer);
    if (axis) return axisText(axis);
    return value === undefined || value === null
        ? ''
        : typeof value === 'object'
          ? JSON.stringify(value)
          : String(value);
}

/** What is no object of fields: it is taken over as it is. */
const FREE = new Set(['grid', 'search', 'class_weights']);

/** A job to start from: that of another, without what is left to the defaults (null) anyway. */
export function cloned(spec) {
    const isEmpty = (value) => !Array.isArray(value) && typeof value === 'object' && Object.keys(value).length === 0;
    const kept = (value, name) => {
        if (value === null || typeof value !== 'object' || FREE.has(name)) return structuredClone(value);
        if (Array.isArray(value)) return value.map((item) => kept(item));
        return Object.fromEntries(
            Object.entries(value)
                .filter(([, inner]) => inner !== null)
                .map(([inside, inner]) => [inside, kept(inner, inside)])
                .filter(([inside, inner]) => FREE.has(inside) || !isEmpty(inner)),
        );
    };
    return kept(spec);
}

/**
 * The field that an error belongs to: "/grid/~1epochs/0" is one of /epochs, and so is "/search/parameters/~1epochs";
 * null: of none of `pointers`.
 */
export function errorField(pointer, pointers) {
    const names = namesOf(pointer),
        axis =
            names[0] === 'grid' ? names[1] : names[0] === 'search' && names[1] === 'parameters' ? names[2] : undefined;
    let at = axis?.startsWith('/') ? axis : pointer;
    while (at !== '' && !pointers.has(at)) at = at.slice(0, at.lastIndexOf('/'));
    return at || null;
}

/** Another rule (of an optimizer, a schedule) has other settings: those of the old one go, but for `kept`. */
export function changeRule(job, pointer, value, kept = ['learning_rate', 'warmup_epochs']) {
    const parent = pointer.slice(0, pointer.lastIndexOf('/'));
    const goes = (name) => name !== 'name' && !kept.includes(name);
    for (const name of Object.keys(valueOf(job, parent) ?? {}))
        if (goes(name)) assign(job, below(parent, name), undefined);
    for (const { pointer: other } of axesOf(job))
        if (other.startsWith(`${parent}/`) && goes(namesOf(other).at(-1))) setAxis(job, other, null);
    setField(job, pointer, value);
}
