// SPDX-License-Identifier: MIT
/* summary.c: what a model is made of, as a table. The net runs on a sample, and the layers' own
   entries and exits tell what there is and what each returned. */
#include "nn/nn_impl.h"

/* ---- notes ----------------------------------------------------------------------------------- */

static wg__note *note_of(wg__notes *notes, const wg_nn *layer) {
    for (int i = 0; i < notes->count; i++)
        if (notes->note[i].layer == layer) return &notes->note[i];
    return NULL;
}

void wg__note_entered(wg_nn *layer) {
    wg__notes *notes = layer->model->notes;
    if (note_of(notes, layer)) return;
    if (notes->count == notes->room) {
        size_t size = sizeof *notes->note;
        int room = notes->room ? 2 * notes->room : 64;
        wg__note *note = wg__resize(notes->note, (size_t)notes->count * size, (size_t)room * size);
        if (!note) return;
        notes->note = note;
        notes->room = room;
    }
    notes->note[notes->count++] = (wg__note){ .layer = layer };
}

void wg__note_left(wg_nn *layer, const wg_tensor *y) {
    wg__note *note = note_of(layer->model->notes, layer);
    if (!note || !y) return;
    note->left = true;
    note->dtype = wg_dtype_of(y);
    note->shape = wg_shape_of(y);
}
