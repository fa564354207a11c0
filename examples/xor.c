// SPDX-License-Identifier: MIT
/* XOR, which no single perceptron computes, learnt by the smallest network that can: one hidden
   layer, trained by gradient descent on the cross-entropy. Ends with a picture of what the network
   computes over the plane. */
#include <stdio.h>
#include <wengert.h>

enum { STEPS = 500, ROWS = 21, COLUMNS = 41 };

static wg_tensor *net(wg_nn *m, wg_tensor *x) {    // x (B, 2)
    x = wg_tanh(wg_nn_linear(m, "hidden", x, 4));  // (B, 4)
    return wg_nn_linear(m, "out", x, 1);           // (B, 1): the log-odds of 1
}

static void train(wg_nn *m, wg_tensor *x, wg_tensor *y) {
    wg_optim *adam = wg_optim_adam(m, (wg_adam_options){ .rate = 0.05 });
    for (int i = 0; i <= STEPS; i++) {
        wg_scope *step = wg_scope_open();
        wg_tensor *loss = wg_nn_bce_with_logits(net(m, x), y);
        if (i % 100 == 0) printf("step %3d  loss %.5f\n", i, wg_item(loss));
        wg_optim_minimize(adam, loss);
        wg_scope_close(step);
    }
    wg_optim_free(adam);
}

/* How many of the four rows come out right. */
static int show_table(wg_tensor *x, wg_tensor *y, wg_tensor *p) {
    int right = 0;
    printf("\nx1 x2  target  output\n");
    for (int64_t i = 0; i < wg_dim(x, 0); i++) {
        double target = wg_at(y, (int64_t[]){ i, 0 }), output = wg_at(p, (int64_t[]){ i, 0 });
        printf("%2g %2g  %6g  %.4f\n", wg_at(x, (int64_t[]){ i, 0 }), wg_at(x, (int64_t[]){ i, 1 }),
               target, output);
        right += (output > 0.5) == (target == 1);
    }
    printf("%d of 4 right\n", right);
    return right;
}

/* The points of a grid over [-0.5, 1.5]^2, top line first: (ROWS * COLUMNS, 2). */
static wg_tensor *plane(void) {
    wg_shape grid = WG_SHAPE(ROWS, COLUMNS);
    wg_tensor *x1 = wg_expand(wg_linspace(WG_F32, -0.5, 1.5, COLUMNS), grid);
    wg_tensor *x2 = wg_expand(wg_unsqueeze(wg_linspace(WG_F32, 1.5, -0.5, ROWS), 1), grid);
    wg_tensor *pair[] = { wg_reshape(x1, WG_SHAPE(WG_REST, 1)),
                          wg_reshape(x2, WG_SHAPE(WG_REST, 1)) };
    return wg_cat(pair, 2, 1);
}

/* The four points carry their target in place of the shade. */
static void show_plane(wg_nn *m) {
    const float *p = wg_values(wg_sigmoid(net(m, plane())), WG_F32);  // (ROWS * COLUMNS, 1)
    if (!p) return;
    printf("\noutput over [-0.5, 1.5] x [-0.5, 1.5], blank is 0 and @ is 1\n");
    for (int i = 0; i < ROWS; i++) {
        for (int j = 0; j < COLUMNS; j++) {
            bool point = i % 10 == 5 && j % 20 == 10;
            int target = (i == 5) != (j == 30);
            putchar(point ? '0' + target : " .:-=+*#%@"[(int)(9.99F * p[i * COLUMNS + j])]);
        }
        putchar('\n');
    }
}

int main(void) {
    wg_tensor *x = wg_from(WG_F32, WG_SHAPE(4, 2), (float[]){ 0, 0, 0, 1, 1, 0, 1, 1 });
    wg_tensor *y = wg_from(WG_F32, WG_SHAPE(4, 1), (float[]){ 0, 1, 1, 0 });
    wg_nn *m = wg_nn_new(1);
    train(m, x, y);
    int right = show_table(x, y, wg_sigmoid(net(m, x)));
    show_plane(m);
    wg_nn_free(m);
    return right == 4 && !wg_error() ? 0 : 1;
}
