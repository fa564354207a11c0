// SPDX-License-Identifier: MIT
/* A convolutional network (LeCun et al. 1989) on Fashion-MNIST (Xiao, Rasul and Vollgraf 2017):
   70,000 pictures of clothes, 28 x 28 pixels. The rate rises for a third of the way and falls to
   nothing along half a cosine (Smith 2018); the steps being few, all of the training set is trained
   on, and the test set is looked at once, at the end. */
#include <stdio.h>
#include <wengert.h>

#include "show.h"

enum { EPOCHS = 4, BATCH = 128 };

/* Convolution, the largest of 2 x 2, batch normalisation, ReLU. Pooling first leaves a quarter of
   the places to normalise. */
static wg_tensor *stage(wg_nn *m, const char *name, wg_tensor *x, int64_t channels) {
    m = wg_nn_sub(m, "%s", name);
    x = wg_nn_conv2d_with(m, "conv", x, channels, 3,
                          (wg_conv_layer_options){ .same = true, .no_bias = true });
    return wg_relu(wg_nn_batch_norm(m, "norm", wg_nn_max_pool2d(x, 2)));
}

static wg_tensor *net(wg_nn *m, wg_tensor *x) {       // x (B, 784)
    x = wg_reshape(x, WG_SHAPE(WG_REST, 1, 28, 28));  // (B, 1, 28, 28)
    x = stage(m, "stage1", x, 16);                    // (B, 16, 14, 14)
    x = stage(m, "stage2", x, 48);                    // (B, 48, 7, 7)
    x = wg_nn_dropout(m, "drop", wg_flatten(x, 1), 0.3);
    x = wg_relu(wg_nn_linear(m, "hidden", x, 96));  // (B, 96)
    return wg_nn_linear(m, "out", x, 10);           // (B, 10) logits
}

static wg_data *load(const char *folder, const char *name) {
    char images[500], labels[500];
    snprintf(images, sizeof images, "%s/%s-images-idx3-ubyte.gz", folder, name);
    snprintf(labels, sizeof labels, "%s/%s-labels-idx1-ubyte.gz", folder, name);
    return wg_data_idx(images, labels, (wg_data_options){ .scale = 1.0 / 255 });
}

/* One pass over the training set; the mean loss of its batches. */
static double pass(wg_nn *m, wg_optim *adam, wg_data *train, int epoch) {
    double sum = 0;
    int steps = 0;
    wg_batch b = { .size = BATCH, .seed = (uint64_t)epoch };
    while (wg_data_next(train, &b)) {  // b.x (B, 784), b.y (B)
        wg_scope *step = wg_scope_open();
        wg_tensor *loss = wg_cross_entropy(net(m, b.x), b.y);
        wg_optim_minimize(adam, loss);
        sum += wg_item(loss), steps++;
        wg_scope_close(step);
    }
    return sum / steps;
}

static void show_results(wg_nn *m, wg_data *test) {
    static const char *const name[] = { "T-shirt", "trousers", "pullover", "dress", "coat",
                                        "sandal",  "shirt",    "sneaker",  "bag",   "boot" };
    printf("\nConfusion on the test set (row: is, column: taken for)\n");
    show_confusion(wg_nn_confusion(m, net, test, 10), name);
}

int main(int argc, char *argv[]) {
    const char *folder = argc > 1 ? argv[1] : "/usr/share/datasets/fashion-mnist";
    wg_data *train = load(folder, "train"), *test = load(folder, "t10k");
    if (!train || !test) {
        printf("No Fashion-MNIST in %s: apt install dataset-fashion-mnist in Debian, or give the "
               "folder of its four .gz files.\n",
               folder);
        wg_data_free(train), wg_data_free(test);
        return 1;
    }
    wg_nn *m = wg_nn_new(1);
    wg_optim *adam = wg_optim_adam(m, (wg_adam_options){ .rate = 4e-3 });
    wg_one_cycle_options cycle = { .steps = EPOCHS * wg_data_batches(train, BATCH) };
    wg_optim_schedule(adam, wg_schedule_one_cycle(cycle));
    double began = now();
    printf("epoch    loss  seconds\n");
    for (int e = 0; e < EPOCHS && !wg_error(); e++) {
        double loss = pass(m, adam, train, e);
        printf("%5d  %.4f  %7.1f\n", e + 1, loss, now() - began);
        fflush(stdout);
    }
    double accuracy = wg_nn_accuracy(m, net, test);
    printf("test accuracy %.2f %% with %lld parameters\n", 100 * accuracy,
           (long long)wg_nn_count(m, NULL));
    show_results(m, test);

    wg_optim_free(adam);
    wg_nn_free(m);
    wg_data_free(train), wg_data_free(test);
    return accuracy >= 0.91 && !wg_error() ? 0 : 1;
}
