// SPDX-License-Identifier: MIT
/* Fashion-MNIST (Xiao, Rasul and Vollgraf 2017): 70,000 pictures of clothes, 28 x 28 pixels, by a
   network with two hidden layers. The rate falls along half a cosine (Loshchilov and Hutter 2017);
   the weights kept are those of the epoch with the best accuracy on a tenth of the training set,
   which takes no part in training. */
#include <signal.h>
#include <stdio.h>
#include <wengert.h>

#include "show.h"

enum { EPOCHS = 15, BATCH = 128 };

static wg_tensor *net(wg_nn *m, wg_tensor *x) {   // x (B, 784)
    x = wg_relu(wg_nn_linear(m, "fc1", x, 256));  // (B, 256)
    x = wg_nn_dropout(m, "drop1", x, 0.2);
    x = wg_relu(wg_nn_linear(m, "fc2", x, 128));  // (B, 128)
    x = wg_nn_dropout(m, "drop2", x, 0.2);
    return wg_nn_linear(m, "out", x, 10);  // (B, 10) logits
}

static wg_data *load(const char *folder, const char *name) {
    char images[500], labels[500];
    snprintf(images, sizeof images, "%s/%s-images-idx3-ubyte.gz", folder, name);
    snprintf(labels, sizeof labels, "%s/%s-labels-idx1-ubyte.gz", folder, name);
    return wg_data_idx(images, labels, (wg_data_options){ .scale = 1.0 / 255 });
}

static wg_tensor *cost(wg_nn *m, wg_tensor *x, wg_tensor *y) {
    return wg_cross_entropy(net(m, x), y);
}

static wg_nn *fit(wg_data *train, wg_data *validation) {
    int64_t steps = EPOCHS * wg_data_batches(train, BATCH);
    wg_fit_options o = { .optim = wg_adam((wg_adam_options){ .rate = 2e-3 }),
                         .schedule = wg_schedule_cosine(steps, 0),
                         .epochs = EPOCHS,
                         .batch = BATCH,
                         .progress = stdout,
                         .stop = &interrupted };
    return wg_nn_fit(net, cost, train, validation, o, NULL);
}

static void show_results(wg_nn *m, wg_data *test) {
    static const char *const name[] = { "T-shirt", "trousers", "pullover", "dress", "coat",
                                        "sandal",  "shirt",    "sneaker",  "bag",   "boot" };
    printf("\nConfusion on the test set (row: is, column: taken for)\n");
    show_confusion(wg_nn_confusion(m, net, test, 10), name);
    wg_batch b = { .size = 200, .in_order = true };
    wg_data_next(test, &b);
    gallery g = {
        b.x, b.y, wg_nn_predict(m, net, b.x), name, .side = 28, .lines = 14, .across = 3
    };
    show_first(&g, true);
    show_first(&g, false);
}

int main(int argc, char *argv[]) {
    const char *folder = argc > 1 ? argv[1] : "/usr/share/datasets/fashion-mnist";
    wg_data *part[2] = { 0 };  // training, validation
    wg_data *all = load(folder, "train"), *test = load(folder, "t10k");
    if (!all || !test) {
        printf("No Fashion-MNIST in %s: apt install dataset-fashion-mnist in Debian, or give the "
               "folder of its four .gz files.\n",
               folder);
        wg_data_free(all), wg_data_free(test);
        return 1;
    }
    wg_data_split(all, (double[]){ 0.9, 0.1 }, 2, 1, part);

    signal(SIGINT, on_interrupt);
    wg_nn *m = fit(part[0], part[1]);
    double accuracy = wg_nn_accuracy(m, net, test);
    printf("test accuracy %.2f %%\n", 100 * accuracy);
    show_results(m, test);

    wg_nn_free(m);
    wg_data_free(part[0]), wg_data_free(part[1]);
    wg_data_free(all), wg_data_free(test);
    return accuracy >= 0.885 && !wg_error() ? 0 : 1;
}
