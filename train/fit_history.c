// SPDX-License-Identifier: MIT
/* fit_history.c: the rows of the epochs. A callback may open and close scopes, and wg_reset() all
   of them: so the rows are in none until training is over. */
#include <string.h>

#include "tensor/tensor_impl.h"
#include "train/fit_impl.h"

enum { COLUMNS = sizeof(wg_fit_row) / sizeof(double), ROWS = 64 };  // at first

static wg_fit_row *rows_of(const wg_tensor *history) { return history->view.data; }

bool wg__history_add(wg_tensor **history, int count, const wg_fit_row *row) {
    if (!*history || count == wg_dim(*history, 0)) {
        wg_tensor *more = wg__tensor_new_owned(WG_F64, WG_SHAPE(count ? 2 * count : ROWS, COLUMNS));
        if (!more) return false;
        if (count) memcpy(rows_of(more), rows_of(*history), (size_t)count * sizeof *row);
        wg__tensor_free(*history);
        *history = more;
    }
    rows_of(*history)[count] = *row;
    return true;
}

const wg_fit_row *wg__history_end(wg_tensor *history) {
    if (!history) return NULL;
    wg__scope_add(wg__ctx()->scope, history);
    return rows_of(history);
}
