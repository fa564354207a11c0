// SPDX-License-Identifier: MIT
/* spec.c: rules with numbers: from bytes, as the library wants them, as text. And the formulas of
   schedules. */
#include <float.h>
#include <string.h>

#include "fuzz/net/net.h"

static int fields_of(const wg__net_rule *r) {
    int n = 0;
    while (n < WG__NET_FIELDS && r->field[n].name) n++;
    return n;
}

// The rule whose name's hash with the tag is highest: see wg__net_pick.
static const wg__net_rule *rule_of(uint8_t tag) {
    wg__net_row row[32];
    for (int i = 0; i < wg__net_rule_count; i++) row[i].name = wg__net_rules[i].name;
    return &wg__net_rules[wg__net_pick(row, wg__net_rule_count, tag) - row];
}

void wg__net_spec_decode(wg__net_spec *s, uint8_t tag, const uint8_t options[2]) {
    *s = (wg__net_spec){ .rule = rule_of(tag) };
    const int n = fields_of(s->rule);
    for (int i = 0; i < n; i++) {
        int code = options[i / 4] >> 2 * (i % 4) & 3;
        s->option[i] = code == 0 ? s->rule->field[i].otherwise : s->rule->field[i].value[code - 1];
    }
    if (s->rule->repair) s->rule->repair(s->option);
    for (int i = 0; i < n; i++) s->given[i] = s->option[i] != s->rule->field[i].otherwise;
}

wg_optim_spec wg__net_spec_make(const wg__net_spec *s) {
    union {
        double align;
        char bytes[128];
    } options = { .bytes = { 0 } };
    for (int i = 0, n = fields_of(s->rule); i < n; i++) {
        const wg__net_field *f = &s->rule->field[i];
        int whole = (int)s->option[i];
        bool flag = whole != 0;
        if (!s->given[i]) continue;
        if (f->type == WG__NET_REAL)
            memcpy(options.bytes + f->offset, &s->option[i], sizeof(double));
        if (f->type == WG__NET_FLAG) memcpy(options.bytes + f->offset, &flag, sizeof flag);
        if (f->type == WG__NET_INT) memcpy(options.bytes + f->offset, &whole, sizeof whole);
    }
    return s->rule->make(options.bytes);
}

void wg__net_spec_print(FILE *file, const wg__net_spec *s) {
    const char *options = strcmp(s->rule->name, "adamw") == 0 ? "adam" : s->rule->name;
    fprintf(file, "wg_%s((wg_%s_options){ 0", s->rule->name, options);
    for (int i = 0, n = fields_of(s->rule); i < n; i++)
        if (s->given[i]) fprintf(file, ", .%s = %.17g", s->rule->field[i].name, s->option[i]);
    fprintf(file, " })");
}

bool wg__net_spec_same(const wg__net_spec *a, const wg__net_spec *b) {
    if (a->rule != b->rule) return false;
    return !a->rule->variant || a->rule->variant(a->option) == a->rule->variant(b->option);
}

/* ---- schedules ------------------------------------------------------------------------------- */

static wg_schedule none(void) { return (wg_schedule){ 0 }; }
static double none_at(double t) { return (void)t, 1; }
static wg_schedule step(void) { return wg_schedule_step(2, 0.5); }
static double step_at(double t) { return pow(0.5, floor(t / 2)); }
static wg_schedule exponential(void) { return wg_schedule_exponential(0.7); }
static double exponential_at(double t) { return pow(0.7, t); }
static wg_schedule linear(void) { return wg_schedule_linear(0.25, 1, 3); }
static double linear_at(double t) { return 0.25 + 0.75 * fmin(t, 3) / 3; }
static wg_schedule warmup(void) { return wg_schedule_warmup(3); }
static double warmup_at(double t) { return fmin(1, (t + 1) / 4); }
static wg_schedule polynomial(void) { return wg_schedule_polynomial(4, 2, 0.125); }
static double polynomial_at(double t) { return 0.125 + 0.875 * pow(1 - fmin(t, 4) / 4, 2); }
static wg_schedule cosine(void) { return wg_schedule_cosine(4, 0.25); }
static double cosine_at(double t) { return 0.25 + 0.75 * (1 + cos(M_PI * fmin(t, 4) / 4)) / 2; }
static wg_schedule inverse_sqrt(void) { return wg_schedule_inverse_sqrt(2); }
static double inverse_sqrt_at(double t) { return fmin((t + 1) / 2, sqrt(2 / (t + 1))); }
static wg_schedule multistep(void) {
    return wg_schedule_multistep((wg_multistep_options){ .at = { 1, 3 }, .factor = 0.5 });
}
static double multistep_at(double t) { return t < 1 ? 1 : t < 3 ? 0.5 : 0.25; }
static wg_schedule restarts(void) {
    return wg_schedule_restarts((wg_restarts_options){ .period = 2, .growth = 2, .least = 0.5 });
}
static double restarts_at(double t) {
    double r = t < 2 ? t / 2 : t < 6 ? (t - 2) / 4 : (t - 6) / 8;  // no run is longer
    return 0.5 + 0.5 * (1 + cos(M_PI * r)) / 2;
}
static wg_schedule cyclic(void) {
    return wg_schedule_cyclic((wg_cyclic_options){ .rise = 2, .fall = 1, .least = 0.5 });
}
static double cyclic_at(double t) {
    double at = fmod(t, 3);
    return 0.5 + 0.5 * (at <= 2 ? at / 2 : 3 - at);
}
static wg_schedule wsd(void) {
    return wg_schedule_wsd((wg_wsd_options){ .warmup = 1, .stable = 1, .decay = 2, .sqrt = true });
}
static double wsd_at(double t) {
    return t < 1 ? (t + 1) / 2 : t < 2 ? 1 : 1 - sqrt(fmin(t - 2, 2) / 2);
}
static wg_schedule then(void) {
    return wg_schedule_then(wg_schedule_warmup(1), 2, wg_schedule_exponential(0.5));
}
static double then_at(double t) { return t < 2 ? fmin(1, (t + 1) / 2) : pow(0.5, t - 2); }
static wg_schedule times(void) {
    return wg_schedule_times(wg_schedule_constant(0.5), wg_schedule_step(1, 0.5));
}
static double times_at(double t) { return 0.5 * pow(0.5, t); }

static const struct {
    wg_schedule (*make)(void);
    double (*at)(double t);
} schedules[] = { { none, none_at },
                  { none, none_at },
                  { step, step_at },
                  { exponential, exponential_at },
                  { linear, linear_at },
                  { warmup, warmup_at },
                  { polynomial, polynomial_at },
                  { cosine, cosine_at },
                  { inverse_sqrt, inverse_sqrt_at },
                  { multistep, multistep_at },
                  { restarts, restarts_at },
                  { cyclic, cyclic_at },
                  { wsd, wsd_at },
                  { then, then_at },
                  { times, times_at } };
enum { SCHEDULES = sizeof schedules / sizeof *schedules };

double wg__net_factor(uint8_t code, int64_t t) { return schedules[code % SCHEDULES].at((double)t); }
wg_schedule wg__net_schedule(uint8_t code) { return schedules[code % SCHEDULES].make(); }
