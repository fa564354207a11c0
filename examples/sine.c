// SPDX-License-Identifier: MIT
/* The shortest whole program: a network learns the sine from 61 points. */
#include <stdio.h>
#include <wengert.h>

static wg_tensor *net(wg_nn *m, wg_tensor *x) {     // x (B, 1)
    x = wg_tanh(wg_nn_linear(m, "hidden", x, 16));  // (B, 16)
    return wg_nn_linear(m, "out", x, 1);            // (B, 1)
}

int main(void) {
    wg_tensor *x = wg_unsqueeze(wg_linspace(WG_F32, -3, 3, 61), 1);  // (61, 1)
    wg_tensor *y = wg_sin(x);
    wg_nn *m = wg_nn_new(1);
    wg_optim *adam = wg_optim_adam(m, (wg_adam_options){ .rate = 0.01 });
    for (int i = 0; i <= 1000; i++) {
        wg_scope *step = wg_scope_open();
        wg_tensor *loss = wg_nn_mse_loss(net(m, x), y);
        wg_optim_minimize(adam, loss);
        if (i % 250 == 0) printf("step %4d  loss %.6f\n", i, wg_item(loss));
        wg_scope_close(step);
    }
    wg_optim_free(adam), wg_nn_free(m);
    return wg_error() != WG_OK;
}
