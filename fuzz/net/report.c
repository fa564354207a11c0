// SPDX-License-Identifier: MIT
/* report.c: a failure, told by the plan in words and by a C program that does the same by the
   public interface alone. */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz/net/net.h"

void wg__net_print(FILE *file, const wg__net_plan *p) {
    const uint8_t *h = p->head;
    fprintf(file, "net %s seed=%llu batch=%lld width=%lld %s\n", wg_dtype_name(p->dtype),
            (unsigned long long)p->seed, (long long)p->batch, (long long)p->width,
            p->training ? "training" : "evaluating");
    for (int i = 0; i < p->layers; i++) {
        const wg__net_layer *l = &p->layer[i];
        fprintf(file, "layer %s %s", l->name, l->row->name);
        for (int k = 1; k < WG__NET_RECORD; k++) fprintf(file, " %02x", l->byte[k]);
        fprintf(file, "%s%s%s\n", l->residual ? " residual" : "", l->tied[0] ? " tied to " : "",
                l->tied);
    }
    fprintf(file, "loss %s option=%d penalty=%d free parameters=%d\n",
            p->loss ? p->loss->name : "sum", h[WG__NET_LOSS_OPTION], h[WG__NET_PENALTY] % 16,
            p->frees);
    fprintf(file, "optimiser ");
    wg__net_spec_print(file, &p->spec);
    if (p->grouped) {
        fprintf(file, "\ngroup %d ", h[WG__NET_PATTERN] % 8);
        wg__net_spec_print(file, &p->group);
    }
    fprintf(file, "\nsteps %d how=%d clip=%d proximal=%d schedule=%d frozen=%d table=%d events",
            p->steps, h[WG__NET_HOW], h[WG__NET_CLIP], h[WG__NET_PROXIMAL], h[WG__NET_SCHEDULE],
            h[WG__NET_FROZEN], h[WG__NET_TABLE]);
    for (int s = 0; s < p->steps; s++)
        fprintf(file, " %d:%d", h[WG__NET_EVENTS + s] % 8, h[WG__NET_EVENTS + s] / 8);
    fprintf(file, "\n");
}

static void print_free(const wg__net_build *b, int i, FILE *file) {
    wg_tensor *w = wg__net_free(b, i), *g = wg__net_free_slope(b, i, 0);
    const double *value = wg__numbers(g);
    if (!w || !value) return;
    wg_shape s = wg_shape_of(w);
    fprintf(file, "    wg_shape s%d = { %d, { ", i, s.rank);
    for (int k = 0; k < s.rank; k++) fprintf(file, "%lld, ", (long long)s.dim[k]);
    fprintf(file, "0 } };\n    double g%d[] = { ", i);
    for (int64_t k = 0; k < wg_numel(g); k++) fprintf(file, "%.17g, ", value[k]);
    int at = wg_nn_params(b->m, NULL) - 1;
    fprintf(file,
            "0 };\n    wg_tensor *w%d = wg_nn_param(m, \"%s\", %s, s%d, (wg_init){ .kind = "
            "WG_INIT_NORMAL, .b = 1 });\n"
            "    h = wg_add(h, wg_sum(wg_mul(w%d, wg_from_f64(%s, s%d, g%d))));\n",
            i, wg_nn_path_at(b->m, NULL, at), b->dtype == WG_F32 ? "WG_F32" : "WG_F64", i, i,
            b->dtype == WG_F32 ? "WG_F32" : "WG_F64", i, i);
}

static void print_main(FILE *file, const wg__net_plan *p) {
    fprintf(file,
            "\nint main(void) {\n    wg_nn *m = wg_nn_new(%lluu);\n    wg_nn_train(m, %d);\n"
            "    cost(m);  // makes the parameters\n    wg_optim *o = wg_optim_make(m, ",
            (unsigned long long)p->seed, p->training);
    wg__net_spec_print(file, &p->spec);
    fprintf(file, ");\n");
    fprintf(file,
            "    for (int s = 0; s < %d; s++) {\n        wg_backward(cost(m));\n"
            "        for (int i = 0; i < wg_nn_params(m, NULL); i++) {\n"
            "            wg_tensor *w = wg_nn_param_at(m, NULL, i);\n"
            "            printf(\"%%s\\n\", wg_nn_path_at(m, NULL, i));\n"
            "            wg_print(stdout, w);\n"
            "            if (wg_gradient(w)) wg_print(stdout, wg_gradient(w));\n        }\n"
            "        wg_optim_step(o);\n        wg_optim_clear(o);\n    }\n"
            "    wg_optim_free(o);\n    wg_nn_free(m);\n    wg_reset();\n    return 0;\n}\n",
            p->steps);
}

void wg__net_print_c(FILE *file, const wg__net_plan *p) {
    wg__net_build b = { .plan = p, .m = wg__net_model(p), .dtype = p->dtype, .source = file };
    fprintf(file, "#include <wengert.h>\n#include <autograd/op.h>\n\n"
                  "static wg_tensor *cost(wg_nn *m) {\n");
    if (p->layers) {
        wg_tensor *x = wg__net_input(&b);
        fprintf(file, "    wg_tensor *h = x;\n");
        wg__net_cost(&b, wg__net_run(&b, x));
    } else {
        fprintf(file, "    wg_tensor *h = wg_num(0);\n");
    }
    for (int i = 0; i < p->frees; i++) print_free(&b, i, file);
    fprintf(file, "    return h;\n}\n");
    print_main(file, p);
    wg_nn_free(b.m);
}

void wg__net_fail(const wg__net_plan *p, const char *name, const char *format, ...) {
    va_list arguments;
    fprintf(stderr, "WENGERT FUZZ: oracle %s: ", name);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "\n");
    wg_error_clear();
    wg_recording(true);
    wg__net_print(stderr, p);
    wg__net_print_c(stderr, p);
    abort();
}
