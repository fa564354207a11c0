// SPDX-License-Identifier: MIT
/* lengths.c: how many steps each sample of a batch has, checked, and as a mask. */
#include "nn/layers/sequence_impl.h"

static bool are_counts(const char *what, const wg_tensor *lengths, int64_t batch) {
    wg_dtype dtype = wg_dtype_of(lengths);
    char text[200];
    if ((dtype == WG_I32 || dtype == WG_I64) && wg_rank(lengths) == 1 &&
        wg_dim(lengths, 0) == batch)
        return true;
    return wg_fail(WG_ERROR_ARGUMENT, "%s: the lengths are %s %s, wanted is i32 or i64 [%lld]",
                   what, wg_dtype_name(dtype),
                   wg_shape_text(wg_shape_of(lengths), text, sizeof text), (long long)batch);
}

bool wg__lengths_fit(const char *what, const wg_tensor *lengths, int64_t batch, int64_t steps) {
    if (!are_counts(what, lengths, batch)) return false;
    for (int64_t b = 0; b < batch; b++) {
        double n = wg_at(lengths, &b);
        if (n < 0 || n > (double)steps)
            return wg_fail(WG_ERROR_INDEX, "%s: length %.0f of sample %lld is not in 0 ... %lld",
                           what, n, (long long)b, (long long)steps);
    }
    return true;
}

wg_tensor *wg__within_lengths(wg_tensor *lengths, int64_t steps) {
    wg_tensor *step = wg_arange(WG_I64, 0, (double)steps, 1);       // (T)
    return wg_lt(step, wg_unsqueeze(wg_cast(lengths, WG_I64), 1));  // (B, T)
}
