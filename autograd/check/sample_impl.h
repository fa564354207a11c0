// SPDX-License-Identifier: MIT
/* sample_impl.h: what the samples of an operation (op.h) say, and the numbers drawn from them. */
#ifndef WG_SAMPLE_IMPL_H
#define WG_SAMPLE_IMPL_H

#include "autograd/autograd_impl.h"

typedef enum wg__kind { WG__FLOAT, WG__INTEGER, WG__TRUTH } wg__kind;

/* What the last two axes of an input are. */
typedef enum wg__form { WG__ANY, WG__REGULAR, WG__POSITIVE } wg__form;
static const double WG__LOW = -2, WG__HIGH = 2;  // of floats, where a sample says nothing else

typedef struct wg__slot {  // one input
    wg_shape shape;
    wg__kind kind;
    wg__form form;
    wg_dtype dtype;  // of what is no float
    double low, high;
    const char
        *exact;  // "0,-1,1": its values, up to a blank or the end; NULL: drawn from low..high
} wg__slot;

typedef struct wg__sample {
    const char *text;
    int inputs;
    bool exact;   // some input of floats lists its values, so they may stand on a kink or a pole
    bool formed;  // some input is a matrix of a form, which repeating a row would destroy
    void *attr;   // op->attr_size bytes; NULL if that is 0
    wg__slot in[WG_MAX_INPUTS];
} wg__sample;

/* Reads a sample; false after reporting what is wrong where. s->attr and s->text live as long as
   the innermost scope and `text`. */
bool wg__sample_parse(const wg_op *op, const char *text, wg__sample *s);
/* Fills value[i], as many doubles as input i has elements, C order. Floats are in general position:
   no two of a sample are equal, and all keep a distance from each other and from the ends and the
   middle of their range. */
bool wg__sample_draw(const wg__sample *s, wg_random *r, double *const value[]);

/* A number in C's notation with a decimal point, whatever the locale; all of text or false. */

/* `count` doubles, 0, that live as long as the innermost scope; NULL after reporting. */
double *wg__scratch(int64_t count);

#endif
