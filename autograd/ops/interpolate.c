// SPDX-License-Identifier: MIT
/* interpolate.c: images scaled to a given size, by the nearest element or linearly between the four
   around. */
#include "autograd/ops/resample.h"

#define MODE(c) (((const wg__resample_attr *)(c)->attr)->kind)

static bool knows_mode(const wg_call *c) {
    const wg__resample_attr *a = c->attr;
    if (a->kind != WG_NEAREST && a->kind != WG_BILINEAR)
        return wg_call_fail(c, WG_ERROR_ARGUMENT, "there is no mode %lld", (long long)a->kind);
    if (a->align_corners && a->kind == WG_NEAREST)
        return wg_call_fail(c, WG_ERROR_ARGUMENT, "align_corners is for bilinear");
    return true;
}

WG__RESAMPLE_RULES(resample, MODE(c))

static bool interpolate_infer(const wg_call *c, wg_spec *out) {
    return knows_mode(c) && resample_infer(c, out);
}
#define interpolate_forward resample_forward
#define interpolate_vjp resample_vjp
#define interpolate_reference resample_reference

static const wg_attr interpolate_attrs[] = {
    { "mode", WG_ATTR_INT, offsetof(wg__resample_attr, kind) },
    WG__PAIR(wg__resample_attr, "to", to),
    { "align_corners", WG_ATTR_BOOL, offsetof(wg__resample_attr, align_corners) },
    { .name = NULL },
};

WG__DEFINE_OP(interpolate) = {
    WG__RESAMPLE_RECORD(interpolate),
    .doc =
        "x scaled to H' x W': nearest (mode 0) takes row floor(r H / H'); bilinear (1) mixes the "
        "rows around (r + 1/2) H / H' - 1/2, or around r (H - 1) / (H' - 1) with align_corners, "
        "and columns likewise",
    .shapes = "(N, C, H, W) -> (N, C, H', W')",
    .derivative = "dx = gy's elements times their weights, added up where they came from",
    .edges = "positions outside the image are those of its edge; they are exact, where PyTorch "
             "rounds the scale to f32 and may take another nearest; a neighbour of weight 0 is not "
             "looked at, so infinities stay where they are; image and result need elements",
    .equals = "torch.nn.functional.interpolate, modes nearest and bilinear",
    .attrs = interpolate_attrs,
    .samples = { "2,2,2,3 | to_h=4 to_w=5", "1,2,5,4 | to_h=2 to_w=3", "1,1,3,3 | to_h=3 to_w=3",
                 "2,2,2,3 | mode=1 to_h=4 to_w=5", "1,2,5,4 | mode=1 to_h=2 to_w=3",
                 "1,1,3,3 | mode=1 to_h=3 to_w=3", "1,1,1,2 | mode=1 to_h=3 to_w=4",
                 "2,1,2,3 | mode=1 align_corners=1 to_h=4 to_w=5",
                 "1,2,5,4 | mode=1 align_corners=1 to_h=2 to_w=3",
                 "1,2,3,4 | mode=1 align_corners=1 to_h=1 to_w=1",
                 "1,1,1,1 | mode=1 align_corners=1 to_h=2 to_w=3", "0,2,3,3 | mode=1 to_h=2 to_w=1",
                 "2,0,3,3 | to_h=2 to_w=1", "1,1,1,30 | to_h=1 to_w=22" },
    .bad = { "1,3,4 | to_h=2 to_w=2", "1,1,3,3 | to_h=0 to_w=2", "1,1,3,3 | to_h=2 to_w=-2",
             "1,1,0,3 | to_h=1 to_w=1", "1,1,3,3 | mode=2 to_h=1 to_w=1",
             "1,1,3,3 | mode=-1 to_h=1 to_w=1", "1,1,3,3 | align_corners=1 to_h=1 to_w=1",
             "1,1,3,3@i0..3 | to_h=2 to_w=2", "0,1,3,3 | to_h=9000000000000000000 to_w=2" },
};

wg_tensor *wg_interpolate(wg_tensor *x, wg_shape size, wg_interpolate_options o) {
    wg__resample_attr a = { .kind = (int64_t)o.mode, .align_corners = o.align_corners };
    if (!wg__pair_of("interpolate", "size", &size, a.to)) return NULL;
    return wg__op1(&wg__op_interpolate, x, &a);
}
