// SPDX-License-Identifier: MIT
/* A variational autoencoder (Kingma and Welling 2014) that learns to draw clothes: Fashion-MNIST
   (Xiao, Rasul and Vollgraf 2017). A pixel is a coin that falls on white as often as the picture is
   grey there. A decoder says p(x | z) for a code z from the standard normal law; an encoder
   guesses, q(z | x), which codes belong to a picture. What is minimised bounds what -log p(x) is on
   the average (the mean over all coins of one picture, as the terms are linear in x):

       -log p(x)  <=  E_q[-log p(x | z)] + KL(q(z | x) || N(0, 1)).

   Two numbers enclose it. Pixels drawn independently of each other, each with its mean, cost as
   much as their entropy; and no model can do with less than the coins cost once the picture is
   known. */
#include <stdio.h>
#include <wengert.h>

#include "show.h"

enum { CODE = 16, EPOCHS = 6, BATCH = 128 };
static wg_random noise = { .seed = 1 };

/* The logits of the pixels. */
static wg_tensor *decoder(wg_nn *m, wg_tensor *z) {     // z (B, CODE)
    z = wg_relu(wg_nn_linear(m, "decoder/a", z, 400));  // (B, 400)
    return wg_nn_linear(m, "decoder/b", z, 784);        // (B, 784)
}

/* KL(N(mean, e^log_var) || N(0, 1)), summed over a code. */
static wg_tensor *divergence(wg_tensor *mean, wg_tensor *log_var) {  // (B, CODE)
    wg_tensor *each = wg_sub(wg_add(wg_square(mean), wg_expm1(log_var)), log_var);
    return wg_mul(wg_sum_axes(each, WG_AXES(1), false), wg_num(0.5));  // (B)
}

/* The bound, in nats a picture; the labels y are not looked at. */
static wg_tensor *cost(wg_nn *m, wg_tensor *x, wg_tensor *y) {  // x (B, 784)
    (void)y;
    wg_tensor *h = wg_relu(wg_nn_linear(m, "encoder", x, 400));  // (B, 400)
    wg_tensor *mean = wg_nn_linear(m, "mean", h, CODE);          // (B, CODE)
    wg_tensor *log_var = wg_nn_linear(m, "log_var", h, CODE);    // (B, CODE)
    wg_tensor *e = wg_randn(WG_F32, wg_shape_of(mean), &noise);  // (B, CODE)
    wg_tensor *z = wg_add(mean, wg_mul(wg_exp(wg_mul(log_var, wg_num(0.5))), e));
    wg_tensor *pixels = wg_nn_bce_with_logits_with(decoder(m, z), x,
                                                   (wg_loss_options){ .reduction = WG_BATCHMEAN });
    return wg_add(pixels, wg_mean(divergence(mean, log_var)));
}

/* What independent pixels cost, with the means p of the training set (and half a coin of each side
   besides, as some pixels there are always black). */
static double independent(wg_data *train, wg_data *test) {
    double n = (double)wg_data_size(train);
    wg_tensor *p = wg_standard_of(train, (wg_standard_options){ 0 }).mean;  // (784) f64
    wg_tensor *x = wg_standard_of(test, (wg_standard_options){ 0 }).mean;   // (784)
    p = wg_div(wg_add(p, wg_num(0.5 / n)), wg_num(1 + 1 / n));
    return wg_item(wg_nn_bce_loss_with(p, x, (wg_loss_options){ .reduction = WG_SUM }));
}

/* What the coins cost who knows the picture. */
static wg_tensor *entropy(wg_nn *m, wg_tensor *x, wg_tensor *y) {
    (void)m, (void)y;
    return wg_nn_bce_loss_with(x, x, (wg_loss_options){ .reduction = WG_BATCHMEAN });
}

/* 6 items for the terminal, 64 for a file: codes from the prior, decoded. */
static void draw(wg_nn *m, const char *path) {
    static char text[1 << 13];
    wg_tensor *z = wg_randn(WG_F32, WG_SHAPE(64, CODE), &(wg_random){ .seed = 4 });
    wg_tensor *x = wg_reshape(wg_sigmoid(decoder(m, z)), WG_SHAPE(64, 28, 28));
    wg_io_image_text(wg_io_image_grid(wg_slice(x, 0, 0, 6, 1), 3), 25, text, sizeof text);
    printf("\nclothes that nobody ever wore (64 of them are in %s)\n%s", path, text);
    wg_io_save_image(path, wg_io_image_grid(x, 8));
}

static wg_data *load(const char *folder, const char *name) {
    char images[500], labels[500];
    snprintf(images, sizeof images, "%s/%s-images-idx3-ubyte.gz", folder, name);
    snprintf(labels, sizeof labels, "%s/%s-labels-idx1-ubyte.gz", folder, name);
    return wg_data_idx(images, labels, (wg_data_options){ .scale = 1.0 / 255 });
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
    signal(SIGINT, on_interrupt);
    wg_nn *m = wg_nn_fit(NULL, cost, train, NULL,
                         (wg_fit_options){ .optim = wg_adam((wg_adam_options){ .rate = 2e-3 }),
                                           .schedule = wg_schedule_cosine(EPOCHS * 469, 0.05),
                                           .epochs = EPOCHS,
                                           .batch = BATCH,
                                           .seed = 1,
                                           .progress = stdout,
                                           .stop = &interrupted },
                         NULL);
    double pixels = independent(train, test), bound = wg_nn_loss(m, cost, test);
    double coins = wg_nn_loss(m, entropy, test);
    printf("test pictures cost %.1f nats; independent pixels %.1f, their coins alone %.1f\n", bound,
           pixels, coins);
    draw(m, argc > 2 ? argv[2] : "vae.png");

    wg_nn_free(m);
    wg_data_free(train), wg_data_free(test);
    return bound > coins && bound < 250 && !wg_error() ? 0 : 1;  // from 5 seeds 245.8 ... 246.1
}
