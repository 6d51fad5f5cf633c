/* Products, for each instruction set. For kernel_body.h only. */
#pragma once

/* ---- products -------------------------------------------------------------------------------------------------------
 * The scheme of Goto and van de Geijn ("Anatomy of high-performance matrix multiplication", 2008): C is made of tiles of
 * TILE_ROWS x 2 vectors that are kept in registers over KC of the inner dimension. Weights lie as tiles read them; any other
 * B is packed into strips of two vectors when it is turned round or does not fit the cache, A when the product is large. */

#define FOR_1(X)  X(0)
#define FOR_2(X)  FOR_1(X) X(1)
#define FOR_3(X)  FOR_2(X) X(2)
#define FOR_4(X)  FOR_3(X) X(3)
#define FOR_5(X)  FOR_4(X) X(4)
#define FOR_6(X)  FOR_5(X) X(5)
#define FOR_7(X)  FOR_6(X) X(6)
#define FOR_8(X)  FOR_7(X) X(7)
#define FOR_9(X)  FOR_8(X) X(8)
#define FOR_10(X) FOR_9(X) X(9)
#define FOR_11(X) FOR_10(X) X(10)
#define FOR_12(X) FOR_11(X) X(11)
#define FOR_13(X) FOR_12(X) X(12)
#define FOR_14(X) FOR_13(X) X(13)

#define AHEAD_1(r) __builtin_prefetch(c + (r) * ldc, 1);
#define AHEAD_2(r) AHEAD_1(r) __builtin_prefetch(c + (r) * ldc + LANES, 1);
#define ZERO_1(r) vec c##r = {0};
#define MULTIPLY_1(r) c##r += a[(r) * row] * b0;
#define LOAD_1 vec b0 = *(const vec *)b;
#define LOAD_2 vec b0 = *(const vec *)b, b1 = *(const vec *)(b + LANES);
#define STORE_1(r)                                                                                                     \
    if (init)                                                                                                          \
        c##r += *(const vec *)(init + (r) * ldi);                                                                      \
    *(vec *)(c + (r) * ldc) = c##r;
#define ZERO_2(r) vec c##r = {0}, d##r = {0};
#define MULTIPLY_2(r)                                                                                                  \
    {                                                                                                                  \
        real x = a[(r) * row];                                                                                         \
        c##r += x * b0;                                                                                                \
        d##r += x * b1;                                                                                                \
    }
#define STORE_2(r)                                                                                                     \
    if (init) {                                                                                                        \
        c##r += *(const vec *)(init + (r) * ldi);                                                                      \
        d##r += *(const vec *)(init + (r) * ldi + LANES);                                                              \
    }                                                                                                                  \
    *(vec *)(c + (r) * ldc) = c##r;                                                                                    \
    *(vec *)(c + (r) * ldc + LANES) = d##r;

/* c (R x V vectors) = init + a (R x k) b (k x V vectors, rows ldb apart). One of a's two strides is 1: each case has code of its
 * own, since row 1 makes constants of all offsets. c, and the elements of a that come, are fetched before they are needed. */
#define FETCH_across
#define FETCH_down __builtin_prefetch(a + 16 * column);
#define TILE_OF(R, V, CASE, ROW, COLUMN)                                                                               \
    static void tile_##R##_##V##_##CASE(size_t k, const real *a, size_t stride, const real *b, size_t ldb,             \
                                        const real *init, size_t ldi, real *c, size_t ldc)                             \
    {                                                                                                                  \
        const size_t row = ROW, column = COLUMN;                                                                       \
        FOR_##R(AHEAD_##V) FOR_##R(ZERO_##V) for (size_t p = 0; p < k; p++, a += column, b += ldb)                     \
        {                                                                                                              \
            FETCH_##CASE LOAD_##V FOR_##R(MULTIPLY_##V)                                                                \
        }                                                                                                              \
        FOR_##R(STORE_##V)                                                                                             \
    }
#define TILE(R)                                                                                                        \
    TILE_OF(R, 1, across, stride, 1) TILE_OF(R, 1, down, 1, stride)                                                    \
    TILE_OF(R, 2, across, stride, 1) TILE_OF(R, 2, down, 1, stride)

TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6)
#if TILE_ROWS > 6
TILE(7) TILE(8) TILE(9) TILE(10) TILE(11) TILE(12) TILE(13) TILE(14)
#endif

typedef void (*tile_function)(size_t, const real *, size_t, const real *, size_t, const real *, size_t, real *, size_t);
#if TILE_ROWS > 6
#define TILES(V, CASE)                                                                                                 \
    {0, tile_1_##V##_##CASE, tile_2_##V##_##CASE, tile_3_##V##_##CASE, tile_4_##V##_##CASE, tile_5_##V##_##CASE,       \
     tile_6_##V##_##CASE, tile_7_##V##_##CASE, tile_8_##V##_##CASE, tile_9_##V##_##CASE, tile_10_##V##_##CASE,         \
     tile_11_##V##_##CASE, tile_12_##V##_##CASE, tile_13_##V##_##CASE, tile_14_##V##_##CASE}
#else
#define TILES(V, CASE)                                                                                                 \
    {0, tile_1_##V##_##CASE, tile_2_##V##_##CASE, tile_3_##V##_##CASE, tile_4_##V##_##CASE, tile_5_##V##_##CASE,       \
     tile_6_##V##_##CASE}
#endif
static const tile_function tiles[2][2][TILE_ROWS + 1] = {{TILES(1, across), TILES(1, down)}, {TILES(2, across), TILES(2, down)}};

/* 4 x 4 reals, turned round. */
static inline void turn(const real *from, size_t from_stride, real *to, size_t to_stride)
{
    typedef real quad __attribute__((vector_size(4 * sizeof(real)), aligned(sizeof(real)), may_alias));
    quad a = *(const quad *)from, b = *(const quad *)(from + from_stride), c = *(const quad *)(from + 2 * from_stride),
         d = *(const quad *)(from + 3 * from_stride);
    quad ab = __builtin_shufflevector(a, b, 0, 4, 1, 5), cd = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    *(quad *)to = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
    *(quad *)(to + to_stride) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
    ab = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    cd = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    *(quad *)(to + 2 * to_stride) = __builtin_shufflevector(ab, cd, 0, 1, 4, 5);
    *(quad *)(to + 3 * to_stride) = __builtin_shufflevector(ab, cd, 2, 3, 6, 7);
}

/* to (columns x rows) = from (rows x columns), turned round: a strip of the result at a time, which stays in the first cache. */
static void transpose(size_t rows, size_t columns, const real *from, size_t from_stride, real *to, size_t to_stride)
{
    for (size_t start = 0; start < columns; start += 16) {
        size_t end = start + 16 < columns ? start + 16 : columns, whole = start + (end - start) / 4 * 4, r = 0;
        for (; r + 4 <= rows; r += 4)
            for (size_t p = start; p < whole; p += 4)
                turn(from + r * from_stride + p, from_stride, to + p * to_stride + r, to_stride);
        for (size_t x = 0; x < rows; x++)
            for (size_t p = x < r ? whole : start; p < end; p++)
                to[p * to_stride + x] = from[x * from_stride + p];
    }
}

_Static_assert(KERNEL_GROUP * SLAB <= A_BLOCK, "a group has room in the scratch of a block");
_Static_assert(SLAB % KC == 0 && SLAB % KERNEL_PANEL == 0, "blocks and panels end where a slab does");

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Rows at .. at + depth of `have` columns of B from column j on, side by side in a strip of `width` columns, padded with zeros. B lies
 * in rows, or turned round in panels. */
static void pack_b(const struct product *p, size_t at, size_t depth, size_t j, size_t have, size_t width, real *out)
{
    const struct operand *b = &p->b;
    if (b->column == 1) { /* padding is there to be read */
        for (size_t d = 0; d < depth; d++)
            for (size_t x = 0; x < width; x += LANES)
                *(vec *)(out + d * width + x) = *(const vec *)(b->data + (at + d) * b->row + j + x);
        return;
    }
    for (size_t d = 0; d < depth; d += KERNEL_PANEL) {
        size_t across = kernel_panel_width(p->k, at + d);
        transpose(have, least(across, depth - d), b->data + (at + d) * b->panel + (b->first + j) * across, across, out + d * width,
                  width);
    }
    for (size_t d = 0; d < depth && have < width; d++)
        for (size_t x = have; x < width; x++)
            out[d * width + x] = 0;
}

static inline void copy_rows(size_t rows, const real *from, real *to)
{
    if (rows == TILE_ROWS) /* a constant is some moves */
        memcpy(to, from, TILE_ROWS * sizeof *to);
    else
        for (size_t r = 0; r < rows; r++)
            to[r] = from[r];
}

/* Packs rows x depth of A into panels of `height` rows, column by column. A's columns are contiguous, or its rows are. */
static void pack_a(size_t rows, size_t depth, size_t height, const real *a, size_t row, size_t column, real *out)
{
    for (size_t i = 0; i < rows; i += height) {
        size_t high = least(height, rows - i);
        if (column == 1)
            transpose(high, depth, a + i * row, row, out, high);
        else
            for (size_t d = 0; d < depth; d++)
                copy_rows(high, a + i + d * column, out + d * high);
        out += high * depth;
    }
}

/* Some rows of C by some of the sum. */
struct block {
    const struct product *product;
    size_t row, rows, at, depth;
    size_t height; /* of its tiles */
    const real *a;
    bool packed_a, packed_b;
    real *strip; /* for packed columns of B */
};

/* One or two vectors of columns of a block: b (rows ldb apart) stays in the nearest cache while each row of A meets it. */
static void multiply_strip(const struct block *k, const real *b, size_t ldb, size_t width, const real *bias, real *c, size_t ldc)
{
    const struct operand *from = &k->product->a;
    bool down = k->packed_a || from->row == 1;
    for (size_t d = 0; d < k->depth; d += KC) {
        size_t depth = least(KC, k->depth - d), ldi = k->at || d || k->product->add ? ldc : 0;
        const real *init = ldi ? c : bias;
        for (size_t i = 0; i < k->rows; i += k->height) {
            size_t rows = least(k->height, k->rows - i);
            const real *a = k->packed_a ? k->a + i * k->depth + d * rows : k->a + i * from->row + d * from->column;
            tiles[width / LANES - 1][down][rows](depth, a, k->packed_a ? rows : down ? from->column : from->row, b + d * ldb, ldb,
                                                 init ? init + i * ldi : NULL, ldi, c + i * ldc, ldc);
        }
    }
}

/* The columns of a panel that no tile reaches. */
static void clear_padding(size_t rows, size_t reached, size_t width, real *c, size_t ldc)
{
    for (size_t x = reached; x < width; x += LANES)
        for (size_t r = 0; r < rows; r++)
            *(vec *)(c + r * ldc + x) = (vec){0};
}

static void multiply_panel(const struct block *k, size_t j)
{
    const struct product *p = k->product;
    size_t across = kernel_panel_width(p->n, j), ldc = p->ldc ? p->ldc : across;
    real *c = p->ldc ? p->c + k->row * ldc + j : p->c + j * p->panel + k->row * ldc;
    clear_padding(k->rows, (least(across, p->n - j) + LANES - 1) / LANES * LANES, across, c, ldc);
    for (size_t x = 0; x < across && j + x < p->n; x += 2 * LANES) {
        size_t left = p->n - j - x, width = left > LANES ? 2 * LANES : LANES, ldb = p->b.panel ? across : p->b.row;
        const real *b = p->b.data + (p->b.panel ? j * p->b.panel + (p->b.first + k->at) * ldb : k->at * ldb + j) + x;
        if (k->packed_b) {
            pack_b(p, k->at, k->depth, j + x, least(left, width), width, k->strip);
            b = k->strip;
            ldb = width;
        }
        multiply_strip(k, b, ldb, width, p->bias ? p->bias + j + x : NULL, c + x, ldc);
    }
}

static void product(const struct product *p)
{
    struct block k = {.product = p, .strip = p->scratch, .packed_a = packs_a(p->m, p->n, p->k, p->a.column == 1 ? p->m : p->k),
                      .packed_b = p->b.column != 1 || (!p->b.panel && packs_b(p->m, p->n, p->k))};
    size_t slab = least(p->k, SLAB), most = p->m;
    if (p->group)
        most = p->group;
    else if (k.packed_a || p->finished)
        most = block_rows(p->m, p->k);
    real *packed = p->scratch + slab * KERNEL_PANEL;
    for (k.at = 0; k.at < p->k; k.at += slab) {
        k.depth = least(slab, p->k - k.at);
        for (k.row = 0; k.row < p->m; k.row += most) {
            k.rows = least(most, p->m - k.row);
            k.height = (k.rows + TILE_ROWS - 1) / TILE_ROWS;
            k.height = (k.rows + k.height - 1) / k.height;
            k.a = p->a.data + k.row * p->a.row + k.at * p->a.column;
            if (k.packed_a) {
                pack_a(k.rows, k.depth, k.height, k.a, p->a.row, p->a.column, packed);
                k.a = packed;
            }
            for (size_t j = 0; j < p->n; j += KERNEL_PANEL) {
                multiply_panel(&k, j);
                if (p->finished && k.at + k.depth == p->k)
                    p->finished(p->context, k.row, k.rows, j);
            }
        }
    }
}
