// The map of a grid as a PNG, in the colors of the page.

const WIDTH = 110,
    HEIGHT = 44,
    LEFT = 130,
    TOP = 70;

/** Resolves with the PNG; twice the size that it is shown in. */
export function mapPicture({ axes: [down, across], names, cells, measured, goodOf, title }) {
    const canvas = document.createElement('canvas'),
        style = getComputedStyle(document.querySelector('#lab'));
    const width = LEFT + WIDTH * across.values.length + 16,
        height = TOP + HEIGHT * down.values.length + 16;
    canvas.width = 2 * width;
    canvas.height = 2 * height;
    const context = canvas.getContext('2d');
    context.scale(2, 2);
    context.fillStyle = style.backgroundColor;
    context.fillRect(0, 0, width, height);
    context.font = `13px ${style.fontFamily}`;
    context.textAlign = 'center';
    context.textBaseline = 'middle';
    const say = (words, x, y) => {
        context.fillStyle = style.color;
        context.fillText(words, x, y);
    };
    say(`${title}: ${names[0]} ↓  ${names[1]} →`, width / 2, 20);
    across.values.forEach((value, j) => say(String(value), LEFT + (j + 0.5) * WIDTH, TOP - 16));
    cells.forEach((row, i) => {
        say(String(down.values[i]), LEFT / 2, TOP + (i + 0.5) * HEIGHT);
        row.forEach((run, j) => {
            if (!run) return;
            const shade = document.querySelector(`#lab [data-run="${run.id}"]`);
            context.fillStyle =
                goodOf.get(run.id) === null ? style.backgroundColor : getComputedStyle(shade).backgroundColor;
            context.fillRect(LEFT + j * WIDTH + 1, TOP + i * HEIGHT + 1, WIDTH - 2, HEIGHT - 2);
            say(measured.get(run.id).label, LEFT + (j + 0.5) * WIDTH, TOP + (i + 0.5) * HEIGHT);
        });
    });
    return new Promise((resolve) => canvas.toBlob(resolve));
}
