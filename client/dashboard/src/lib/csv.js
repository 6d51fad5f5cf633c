// CSV as text (RFC 4180), so that what was predicted goes behind the columns that it was predicted from. Pure.

/** The records of a file as they stand, without line ends; quoted cells may hold lines. Empty lines are no records. */
export function records(text) {
    const found = [];
    let start = text.startsWith('\uFEFF') ? 1 : 0,
        quoted = false;
    for (let i = start; i <= text.length; i++) {
        const c = text[i];
        if (c === '"') quoted = !quoted;
        if (i < text.length && (quoted || (c !== '\n' && c !== '\r'))) continue;
        if (i > start) found.push(text.slice(start, i));
        start = i + 1;
    }
    return found;
}

/** The cells of a record, without their quotes. */
export function cells(record, delimiter) {
    const found = [''];
    let quoted = false;
    for (let i = 0; i < record.length; i++) {
        const c = record[i];
        if (quoted && c === '"' && record[i + 1] === '"') found[found.length - 1] += record[++i];
        else if (c === '"') quoted = !quoted;
        else if (c === delimiter && !quoted) found.push('');
        else found[found.length - 1] += c;
    }
    return found;
}

/** What stands between the cells: of comma, semicolon, tab and bar the one that the header has most of. */
export function delimiterOf(header) {
    const count = (delimiter) => cells(header, delimiter).length;
    return [',', ';', '\t', '|'].reduce((best, delimiter) => (count(delimiter) > count(best) ? delimiter : best));
}

/** Whether numbers are written as 1,5: some are, and none as 1.5. */
export function hasDecimalComma(lines, delimiter) {
    if (delimiter === ',') return false;
    const all = lines.flatMap((line) => cells(line, delimiter));
    return all.some((cell) => /^[+-]?\d+,\d+$/.test(cell)) && !all.some((cell) => /^[+-]?\d+\.\d+$/.test(cell));
}

function written(cell, delimiter, comma) {
    const text = comma && /^[+-]?\d*\.?\d+(e[+-]?\d+)?$/.test(cell) ? cell.replace('.', ',') : cell;
    return text.includes(delimiter) || /["\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** The records with those of `more` (by commas, as the daemon writes them) behind them, in the way of the records. */
export function beside(lines, more) {
    const delimiter = delimiterOf(lines[0]),
        comma = hasDecimalComma(lines.slice(0, 100), delimiter);
    return lines.map((line, i) =>
        [line, ...cells(more[i], ',').map((cell) => written(cell, delimiter, comma))].join(delimiter),
    );
}

/** A file of many rows as several, each with the header and at most `rows` of them. */
export function* chunks(lines, rows) {
    for (let at = 1; at < lines.length; at += rows) yield [lines[0], ...lines.slice(at, at + rows)];
}
