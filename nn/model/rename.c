// SPDX-License-Identifier: MIT
/* rename.c: names of parameters elsewhere. */
#include <string.h>

#include "nn/nn_impl.h"

static const char *const parts[][2] = { { "weight", "w" }, { "bias", "b" } };  // PyTorch's, ours

/* The name with `separator` for `old`, and its last part replaced where the table says so. */
static bool translate(const char *name, char old, char separator, int side, char *to, size_t size) {
    const char *slash = strrchr(name, old), *last = slash ? slash + 1 : name;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strcmp(last, parts[i][side]) == 0) {
            int n = snprintf(to, size, "%.*s%s", (int)(last - name), name, parts[i][1 - side]);
            if (n < 0 || (size_t)n >= size) return false;
            last = NULL;
            break;
        }
    if (last) {
        if (strlen(name) >= size) return false;
        memcpy(to, name, strlen(name) + 1);
    }
    for (; *to; to++)
        if (*to == old) *to = separator;
    return true;
}

bool wg_nn_from_pytorch(void *user, const char *name, char *path, size_t size) {
    (void)user;
    const char *dot = strrchr(name, '.');
    if (strcmp(dot ? dot + 1 : name, "num_batches_tracked") == 0) return false;
    return translate(name, '.', '/', 0, path, size);
}

bool wg_nn_to_pytorch(void *user, const char *path, char *name, size_t size) {
    (void)user;
    return translate(path, '/', '.', 1, name, size);
}
