// A form's values as the job that they make, and back. Pure: the fields come from /v1/schema.

const escape = (name) => String(name).replaceAll('~', '~0').replaceAll('/', '~1');
const unescape = (name) => name.replaceAll('~1', '/').replaceAll('~0', '~');

/** "/optimizer", "name" -> "/optimizer/name" (RFC 6901) */
export function below(pointer, name) {
    return `${pointer}/${escape(name)}`;
}

export function namesOf(pointer) {
    return pointer.split('/').slice(1).map(unescape);
}

/** What is at a pointer; undefined for nothing. */
export function valueOf(job, pointer) {
    return namesOf(pointer).reduce(
        (value, name) => (value === null || value === undefined ? value : value[name]),
        job,
    );
}

/** Puts a value at a pointer; undefined takes it away, with the objects that are empty then. */
export function assign(job, pointer, value) {
    const names = namesOf(pointer),
        last = names.pop();
    const path = [job];
    for (const name of names) {
        if (path.at(-1)[name] === undefined || path.at(-1)[name] === null) {
            if (value === undefined) return;
            path.at(-1)[name] = {};
        }
        path.push(path.at(-1)[name]);
    }
    if (value !== undefined) {
        path.at(-1)[last] = value;
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

function numberOf(token) {
    const value = token === '' ? NaN : Number(token);
    return Number.isFinite(value) ? value : token;
}

/**
 * What was typed into a number's field: undefined for nothing, one number, or a list of several, which blanks,
 * semicolons or commas part. comma: it parts decimals where nothing else can be meant ("0,5"). What is no number stays
 * a text, so that the daemon says what is wrong with it.
 */
export function parseNumbers(text, { comma = false } = {}) {
    const tokens = text
        .split(/[\s;]+|,(?=\s)/)
        .flatMap((token) => (comma && /^-?\d*,\d+$/.test(token) ? [token.replace(',', '.')] : token.split(',')))
        .filter((token) => token !== '')
        .map(numberOf);
    return tokens.length === 0 ? undefined : tokens.length === 1 ? tokens[0] : tokens;
}

/** The values of a field: a list of them goes into the grid, one into the job. */
export function setField(job, pointer, value) {
    const inGrid = below('/grid', pointer);
    assign(job, inGrid, Array.isArray(value) ? value : undefined);
    assign(job, pointer, Array.isArray(value) ? undefined : value);
}

/** As a field shows it. */
export function fieldText(job, pointer) {
    const value = job.grid?.[pointer] ?? valueOf(job, pointer);
    if (value === undefined || value === null) return '';
    return Array.isArray(value) ? value.join(' ') : String(value);
}

/** A job to start from: that of another, without what is left to the defaults (null) anyway. */
export function cloned(spec) {
    const kept = (value) =>
        value !== null && typeof value === 'object' && !Array.isArray(value)
            ? Object.fromEntries(
                  Object.entries(value)
                      .filter(([, inner]) => inner !== null)
                      .map(([name, inner]) => [name, kept(inner)])
                      .filter(
                          ([, inner]) =>
                              typeof inner !== 'object' || Object.keys(inner).length > 0 || Array.isArray(inner),
                      ),
              )
            : Array.isArray(value)
              ? value.map(kept)
              : value;
    return kept(spec);
}

/** The field that an error belongs to: "/grid/~1epochs/0" is one of /epochs; null: of none of `pointers`. */
export function errorField(pointer, pointers) {
    const names = namesOf(pointer);
    let at = names[0] === 'grid' && names.length > 1 ? names[1] : pointer;
    while (at !== '' && !pointers.has(at)) at = at.slice(0, at.lastIndexOf('/'));
    return at || null;
}

/** The grid no longer goes over what is under a pointer. */
export function dropGrid(job, pointer) {
    for (const other of Object.keys(job.grid ?? {}))
        if (other.startsWith(`${pointer}/`)) assign(job, below('/grid', other), undefined);
}

/** Another rule (of an optimizer, a schedule) has other settings: those of the old one go, but for `kept`. */
export function changeRule(job, pointer, value, kept = ['learning_rate', 'warmup_epochs']) {
    const parent = pointer.slice(0, pointer.lastIndexOf('/'));
    const goes = (name) => name !== 'name' && !kept.includes(name);
    for (const name of Object.keys(valueOf(job, parent) ?? {}))
        if (goes(name)) assign(job, below(parent, name), undefined);
    for (const other of Object.keys(job.grid ?? {}))
        if (other.startsWith(`${parent}/`) && goes(namesOf(other).at(-1)))
            assign(job, below('/grid', other), undefined);
    setField(job, pointer, value);
}
