// SPDX-License-Identifier: MIT
/* gemm.c: c = a b, in two tiers. BLIS takes the large products. Below a measured size, for thin
   ones and for strides that BLIS does not take, kernels of our own: up to six rows by two vectors
   of c stay in registers while b is read in place where its rows are contiguous, and otherwise
   copied strip by strip to the stack; a thin product whose operands lie along k is a handful of dot
   products. Ours allocate nothing, and which kernel serves a product depends on its shape and
   strides alone. */
#include <string.h>

#include <blis.h>

#include "tensor/kernels/kernels.h"

typedef struct matrix {
    void *data;
    int64_t rows, cols, rs, cs;  // strides in elements
} matrix;

typedef struct product {
    matrix c, a, b;
    bool accumulate;
} product;

/* ---- own kernel ------------------------------------------------------------------------------ */

enum { DEPTH = 128, HEIGHT = 6 };  // rows of b on the stack: 16 KiB at the widest, half of L1
enum { LENGTH = 1024, THIN = 8 };  // of a dot product's part; fewer rows of c than this are thin

/* strip[i * width + l] = b[i + l * bs], in squares of four that the compiler keeps in registers. */
#define TURN(type, real)                                                                           \
    static void turn_##type(real *restrict strip, const real *restrict b, int64_t bs,              \
                            const int64_t size[3]) {                                               \
        const int64_t k = size[0], cols = size[1], width = size[2], even = k / 4 * 4;              \
        int64_t l = 0;                                                                             \
        for (; l + 4 <= cols; l += 4)                                                              \
            for (int64_t i = 0; i < even; i += 4) {                                                \
                real t[4][4];                                                                      \
                for (int r = 0; r < 4; r++)                                                        \
                    for (int s = 0; s < 4; s++) t[s][r] = b[i + s + (l + r) * bs];                 \
                for (int s = 0; s < 4; s++) memcpy(strip + (i + s) * width + l, t[s], sizeof *t);  \
            }                                                                                      \
        for (int64_t j = 0; j < cols; j++)                                                         \
            for (int64_t i = j < l ? even : 0; i < k; i++) strip[i * width + j] = b[i + j * bs];   \
    }
TURN(f32, float)
TURN(f64, double)

/* A tile of y: `rows` rows, two vectors wide; ar and as are a's strides, bs and ys row strides.
   pack puts columns of b side by side, with zeros up to the width of a strip; size is k, columns,
   width. merge puts a row of y into c. */
#define KERNEL_EDGES(type, real)                                                                   \
    typedef struct tile_##type {                                                                   \
        int64_t rows, k, ar, as, bs, ys;                                                           \
        const real *a, *b;                                                                         \
        real *y;                                                                                   \
    } tile_##type;                                                                                 \
    static const real *pack_##type(real *strip, const real *b, const matrix *m,                    \
                                   const int64_t size[3]) {                                        \
        const int64_t k = size[0], cols = size[1], width = size[2];                                \
        if (m->rs == 1) turn_##type(strip, b, m->cs, size);                                        \
        for (int64_t i = 0; i < k && m->rs != 1; i++)                                              \
            for (int64_t l = 0; l < cols; l++) strip[i * width + l] = b[i * m->rs + l * m->cs];    \
        for (int64_t i = 0; i < k; i++)                                                            \
            for (int64_t l = cols; l < width; l++) strip[i * width + l] = 0;                       \
        return strip;                                                                              \
    }                                                                                              \
    static void merge_##type(real *c, int64_t cs, const real *y, int64_t cols, bool add) {         \
        if (!add)                                                                                  \
            for (int64_t l = 0; l < cols; l++) c[l * cs] = y[l];                                   \
        else if (cs == 1)                                                                          \
            for (int64_t l = 0; l < cols; l++) c[l] += y[l];                                       \
        else                                                                                       \
            for (int64_t l = 0; l < cols; l++) c[l * cs] += y[l];                                  \
    }
KERNEL_EDGES(f32, float)
KERNEL_EDGES(f64, double)

#define ROWS4(ROW) ROW(0) ROW(1) ROW(2) ROW(3)
#define ROWS6(ROW) ROWS4(ROW) ROW(4) ROW(5)
/* Rows that the tile does not have repeat its last one and are not stored. */
#define ROW_BEGIN(i)                                                                               \
    const int64_t r##i = (t->rows > i ? i : t->rows - 1) * t->ar;                                  \
    vec y##i##0 = { 0 }, y##i##1 = { 0 };
#define ROW_STEP(i) y##i##0 += a[r##i] * b0, y##i##1 += a[r##i] * b1;
#define ROW_END(i)                                                                                 \
    if (t->rows > i)                                                                               \
        memcpy(t->y + i * t->ys, &y##i##0, sizeof(vec)),                                           \
            memcpy(t->y + i * t->ys + lanes, &y##i##1, sizeof(vec));

/* In the compilers' vector extension, so that one text serves every instruction set. */
#define TILE(name, tile, real, bytes, ROWS)                                                        \
    static void name(const tile *t) {                                                              \
        typedef real vec __attribute__((vector_size(bytes)));                                      \
        enum { lanes = (bytes) / sizeof(real) };                                                   \
        const int64_t as = t->as, bs = t->bs;                                                      \
        const real *a = t->a, *b = t->b;                                                           \
        ROWS(ROW_BEGIN)                                                                            \
        for (int64_t k = t->k; k > 0; k--, a += as, b += bs) {                                     \
            vec b0, b1;                                                                            \
            memcpy(&b0, b, sizeof b0), memcpy(&b1, b + lanes, sizeof b1);                          \
            ROWS(ROW_STEP)                                                                         \
        }                                                                                          \
        ROWS(ROW_END)                                                                              \
    }

/* Four dot products: y[i] = a . b[i], where row i of b begins at i * bs. The lanes are added in
   pairs. */
#define DOT_BEGIN(i)                                                                               \
    const real *w##i = t->b + (t->rows > i ? i : t->rows - 1) * t->bs;                             \
    vec y##i = { 0 };
#define DOT_STEP(i) memcpy(&w, w##i + k, sizeof w), y##i += u * w;
#define DOT_END(i)                                                                                 \
    memcpy(sum, &y##i, sizeof sum);                                                                \
    for (int half = lanes / 2; half > 0; half /= 2)                                                \
        for (int l = 0; l < half; l++) sum[l] += sum[l + half];                                    \
    for (int64_t l = k; l < t->k; l++) sum[0] += t->a[l] * w##i[l];                                \
    if (t->rows > i) t->y[i] = sum[0];
#define DOTS(name, tile, type, bytes)                                                              \
    static void name(const tile *t) {                                                              \
        typedef type real;                                                                         \
        typedef real vec __attribute__((vector_size(bytes)));                                      \
        enum { lanes = (bytes) / sizeof(real) };                                                   \
        int64_t k = 0;                                                                             \
        real sum[lanes];                                                                           \
        vec u, w;                                                                                  \
        ROWS4(DOT_BEGIN)                                                                           \
        for (; k + lanes <= t->k; k += lanes) {                                                    \
            memcpy(&u, t->a + k, sizeof u);                                                        \
            ROWS4(DOT_STEP)                                                                        \
        }                                                                                          \
        ROWS4(DOT_END)                                                                             \
    }

/* tag: all of c. strip: from column j, in k steps from k0; the last strip of a wide c begins early
   enough to be full, so that b needs no copy, and stores only the columns that are new. thin: row i
   of c, as dot products with the columns of b, which must lie along k. */
#define KERNEL(tag, type, real, bytes, target)                                                     \
    target TILE(tag##_tile4, tile_##type, real, bytes, ROWS4)                                      \
    target TILE(tag##_tile6, tile_##type, real, bytes, ROWS6)                                      \
    target DOTS(tag##_dots, tile_##type, real, bytes) static void tag##_strip(                     \
        const product *p, int64_t j, int64_t k0, int64_t k) {                                      \
        enum { width = 2 * (bytes) / sizeof(real) };                                               \
        const matrix *ma = &p->a, *mb = &p->b, *mc = &p->c;                                        \
        const bool direct = mb->cs == 1 && mc->cols >= width, add = p->accumulate || k0 > 0;       \
        const int64_t cols = mc->cols - j < width ? mc->cols - j : width;                          \
        const int64_t skip = direct ? width - cols : 0;                                            \
        const bool whole = cols == width && mc->cs == 1 && !add;                                   \
        real strip[DEPTH * width], y[HEIGHT * width];                                              \
        const real *b = (const real *)mb->data + k0 * mb->rs + (j - skip) * mb->cs;                \
        if (!direct) b = pack_##type(strip, b, mb, (const int64_t[]){ k, cols, width });           \
        tile_##type t = { .k = k, .ar = ma->rs, .as = ma->cs, .b = b };                            \
        t.bs = direct ? mb->rs : width;                                                            \
        for (int64_t i = 0, left; (left = mc->rows - i) > 0; i += t.rows) {                        \
            const bool tall = left > 8 || left == 5 || left == 6;                                  \
            real *c = (real *)mc->data + i * mc->rs + j * mc->cs;                                  \
            t.rows = tall ? (left < 6 ? left : 6) : (left < 4 ? left : 4);                         \
            t.a = (const real *)ma->data + i * ma->rs + k0 * ma->cs;                               \
            t.y = whole ? c : y, t.ys = whole ? mc->rs : width;                                    \
            (tall ? tag##_tile6 : tag##_tile4)(&t);                                                \
            for (int64_t r = 0; r < t.rows && !whole; r++)                                         \
                merge_##type(c + r * mc->rs, mc->cs, y + r * width + skip, cols, add);             \
        }                                                                                          \
    }                                                                                              \
    static void tag##_thin(const product *p, int64_t i, int64_t k0, int64_t k) {                   \
        const matrix *ma = &p->a, *mb = &p->b, *mc = &p->c;                                        \
        const real *a = (const real *)ma->data + i * ma->rs + k0 * ma->cs;                         \
        real row[LENGTH], y[4], *c = (real *)mc->data + i * mc->rs;                                \
        for (int64_t l = 0; l < k; l++) row[l] = a[l * ma->cs];                                    \
        tile_##type t = { .k = k, .a = row, .bs = mb->cs, .y = y };                                \
        for (int64_t j = 0; j < mc->cols; j += t.rows) {                                           \
            t.rows = mc->cols - j < 4 ? mc->cols - j : 4;                                          \
            t.b = (const real *)mb->data + k0 + j * mb->cs;                                        \
            tag##_dots(&t);                                                                        \
            merge_##type(c + j * mc->cs, mc->cs, y, t.rows, p->accumulate || k0 > 0);              \
        }                                                                                          \
    }                                                                                              \
    static void tag(const product *p) {                                                            \
        enum { width = 2 * (bytes) / sizeof(real) };                                               \
        const bool dots = p->c.rows < THIN && p->b.rs == 1 && p->b.cs != 1;                        \
        const int64_t depth = dots ? LENGTH : DEPTH, all = p->a.cols;                              \
        for (int64_t k0 = 0, k; k0 < all; k0 += k) {                                               \
            k = all - k0 < depth ? all - k0 : depth;                                               \
            for (int64_t i = 0; i < p->c.rows && dots; i++) tag##_thin(p, i, k0, k);               \
            for (int64_t j = 0; j < p->c.cols && !dots; j += width) tag##_strip(p, j, k0, k);      \
        }                                                                                          \
    }

#define BASELINE
KERNEL(base_f32, f32, float, 16, BASELINE)
KERNEL(base_f64, f64, double, 16, BASELINE)
#ifdef __x86_64__
#define AVX2 __attribute__((target("avx2,fma")))
#define AVX512 __attribute__((target("avx512f")))
KERNEL(avx2_f32, f32, float, 32, AVX2)
KERNEL(avx2_f64, f64, double, 32, AVX2)
KERNEL(avx512_f32, f32, float, 64, AVX512)
KERNEL(avx512_f64, f64, double, 64, AVX512)
#endif

/* ---- BLIS ------------------------------------------------------------------------------------ */

/* For this call only, in no global: one thread, should BLIS have been built with more, and no
   small-matrix path, whose assembly in 0.9 reads past the ends of its operands (flame/blis#821 is
   one such place). */
static void blis(const product *p, wg_dtype dtype) {
    const matrix *c = &p->c, *a = &p->a, *b = &p->b;
    rntm_t how = BLIS_RNTM_INITIALIZER;
    bli_rntm_set_num_threads(1, &how);
    bli_rntm_disable_l3_sup(&how);
    if (dtype == WG_F32) {
        float alpha = 1, beta = p->accumulate;
        bli_sgemm_ex(BLIS_NO_TRANSPOSE, BLIS_NO_TRANSPOSE, c->rows, c->cols, a->cols, &alpha,
                     a->data, a->rs, a->cs, b->data, b->rs, b->cs, &beta, c->data, c->rs, c->cs,
                     NULL, &how);
    } else {
        double alpha = 1, beta = p->accumulate;
        bli_dgemm_ex(BLIS_NO_TRANSPOSE, BLIS_NO_TRANSPOSE, c->rows, c->cols, a->cols, &alpha,
                     a->data, a->rs, a->cs, b->data, b->rs, b->cs, &beta, c->data, c->rs, c->cs,
                     NULL, &how);
    }
}

/* Positive strides, no element twice. BLIS documents no others, and 0.9 has given wrong numbers for
   two negative ones (1x64x64, small-matrix path). */
static bool blis_takes(const matrix *m) {
    return m->rs > 0 && m->cs > 0 && (m->rs >= m->cs * m->cols || m->cs >= m->rs * m->rows);
}

/* ---- which ----------------------------------------------------------------------------------- */

/* `limit`: largest m n k that stays with us. Measured interleaved with BLIS 0.9 (serial, no
   small-matrix path, 2.9 us before it starts) on a Sapphire Rapids core, f32, us ours/BLIS. AVX-512
   against its AVX2 kernels: 16^3 0.12/3.3, 64^3 3.4/12, 512^3 1980/3200, 1024^3 24900/26000; AVX2:
   64^3 6.9/12, 128^3 52/61, 256^3 414/417, 512^3 3590/3200; baseline against AVX: 48^3 8.8/9.8,
   64^3 21/19. Thin, AVX-512: 1x512x784 34/147, 512x1x512 14/190. */
typedef struct level {
    void (*run[2])(const product *p);  // f32, f64
    int64_t width[2], limit;
} level;
static const level levels[] = {
    { { base_f32, base_f64 }, { 8, 4 }, 1 << 17 },
#ifdef __x86_64__
    { { avx2_f32, avx2_f64 }, { 16, 8 }, 1 << 22 },
    { { avx512_f32, avx512_f64 }, { 32, 16 }, 1 << 27 },
#endif
};

static int best_level(void) {
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx512f")) return 2;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return 1;
#endif
    return 0;
}

// m n k <= limit, without overflow.
static bool is_small(const product *p, int64_t limit) {
    const int64_t m = p->c.rows, n = p->c.cols, k = p->a.cols;
    return m <= limit && n <= limit / m && k <= limit / (m * n);
}

static matrix matrix_of(const wg_view *v) {
    matrix m = { v->data, v->shape.dim[0], v->shape.dim[1], v->stride[0], v->stride[1] };
    if (m.cols == 1) m.cs = m.rs == 1 ? m.rows : 1;  // the stride of a size-1 axis may be anything
    if (m.rows == 1) m.rs = m.cs == 1 ? m.cols : 1;
    return m;
}

static matrix transposed(const matrix *m) {
    return (matrix){ m->data, m->cols, m->rows, m->cs, m->rs };
}

void wg__gemm(const wg_view *c, const wg_view *a, const wg_view *b, bool accumulate) {
    assert(c->shape.rank == 2 && a->shape.rank == 2 && b->shape.rank == 2 && "matrices only");
    assert(a->shape.dim[1] == b->shape.dim[0] && "inner sizes were checked above");
    product p = { matrix_of(c), matrix_of(a), matrix_of(b), accumulate };
    if (p.c.rows == 0 || p.c.cols == 0) return;
    if (p.a.cols == 0) {
        if (!accumulate) wg__fill_view(c, 0);
        return;
    }
    const int type = c->dtype == WG_F64;
    const level *l = &levels[best_level()];
    const bool fits = blis_takes(&p.c) && blis_takes(&p.a) && blis_takes(&p.b);
    const bool thin = p.c.rows < THIN || p.c.cols < THIN;
    if (fits && !thin && !is_small(&p, l->limit)) {
        blis(&p, c->dtype);
        return;
    }
    if (thin && p.c.cols < p.c.rows)  // thin in rows: (a b)^T = b^T a^T
        p = (product){ transposed(&p.c), transposed(&p.b), transposed(&p.a), accumulate };
    if (l - levels == 2 && p.c.cols <= l->width[type] / 2) l--;  // a narrow c wants a narrow strip
    l->run[type](&p);
}
