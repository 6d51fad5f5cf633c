// A line through many points on a canvas. Where no GPU draws, the time for a path grows much faster than its points: a
// noisy line of 2600 takes 90 to 150 ms at once, and 15 to 30 in short pieces.

const PIECE = 64; // points

/**
 * Strokes through [x, y] of each place; null breaks the line, and is not a place. The dashes go on from piece to piece.
 * whole: in one piece, for a color that one sees through, which must not lie over itself.
 */
export function strokeLine(ctx, places, { dash = [], whole = false } = {}) {
    ctx.setLineDash(dash);
    let piece = [],
        start = 0, // length of the line up to the first place of the piece
        length = 0;
    const flush = () => {
        ctx.lineDashOffset = start;
        ctx.beginPath();
        piece.forEach(([x, y]) => ctx.lineTo(x, y));
        ctx.stroke();
    };
    for (const place of places) {
        if (place === null) {
            if (piece.length > 1) flush();
            piece = [];
            start = length = 0;
            continue;
        }
        const step = piece.length ? Math.hypot(place[0] - piece.at(-1)[0], place[1] - piece.at(-1)[1]) : 0;
        piece.push(place);
        length += step;
        if (piece.length < PIECE || whole) continue;
        flush();
        piece = piece.slice(-2); // its last step again, so that there is a join
        start = length - step;
    }
    if (piece.length > 1) flush();
}
