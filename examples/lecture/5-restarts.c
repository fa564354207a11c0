// SPDX-License-Identifier: MIT
/* 5 Training and test: random initialisation leads to different minima, and some minima are better
   than others. Which ones, the training cost tells of a net that is too small for its task; of one
   that is large enough to learn noise it misleads, and only samples that were not learned tell. */
#include <math.h>

#include "boots.h"

enum { SAMPLES = 200, CHOOSERS = 200, STARTS = 24, DRAWS = 8, NETS = 2 };
static const int64_t hidden[NETS] = { 2, 5 };

/* What became of the starts on one training set. Errors are shares of what is wrong. A start is at
   rest if no slope above 1e-3 is left; where a unit turns into a step, the minimum is at infinity,
   and there is always some. */
typedef struct starts {
    double cost[STARTS], steepest[STARTS];    // in training; and the largest slope left
    double validation[STARTS], test[STARTS];  // errors
    int resting, distinct;                    // at rest; their costs, 1e-3 apart or more
    int lowest, chosen;                       // cost; validation error
    double mean, least, most;                 // of the test errors
} starts;

static void judge(starts *s) {
    s->least = INFINITY;
    for (int i = 0; i < STARTS; i++) {
        bool rests = s->steepest[i] < 1e-3, seen = false;
        for (int k = 0; k < i; k++)
            seen = seen || (s->steepest[k] < 1e-3 && fabs(s->cost[k] - s->cost[i]) < 1e-3);
        s->resting += rests, s->distinct += rests && !seen;
        if (s->cost[i] < s->cost[s->lowest]) s->lowest = i;
        if (s->validation[i] < s->validation[s->chosen]) s->chosen = i;
        s->mean += s->test[i] / STARTS;
        s->least = fmin(s->least, s->test[i]), s->most = fmax(s->most, s->test[i]);
    }
}

static starts restart(boots all, int64_t units, uint64_t draw) {
    starts s = { 0 };
    boots mine = some_boots(all, draw, 0, SAMPLES);
    boots choosers = some_boots(all, draw, SAMPLES, CHOOSERS);
    boots others = some_boots(all, draw, SAMPLES + CHOOSERS, WG_REST);
    for (int i = 0; i < STARTS && !wg_error(); i++) {
        wg_scope *scope = wg_scope_open();
        learner l = CODE(learn_boots(mine, units, (uint64_t)i));
        s.cost[i] = l.report.value, s.steepest[i] = l.report.gradient;
        s.validation[i] = share_wrong(&l, choosers, NULL);
        s.test[i] = share_wrong(&l, others, NULL);
        wg_nn_free(l.m);
        wg_scope_close(scope);
    }
    judge(&s);
    return s;
}

/* Correlation of training cost and test error over the starts. */
static double correlation(const starts *s) {
    double mean = 0, xy = 0, xx = 0, yy = 0;
    for (int i = 0; i < STARTS; i++) mean += s->cost[i] / STARTS;
    for (int i = 0; i < STARTS; i++) {
        double x = s->cost[i] - mean, y = s->test[i] - s->mean;
        xy += x * y, xx += x * x, yy += y * y;
    }
    return xy / sqrt(xx * yy);
}

static void show(starts s[NETS][DRAWS], int net) {
    say("%d starts of %d hidden units, on each of %d training sets:", STARTS, (int)hidden[net],
        DRAWS);
    table("training set | at rest | minima | test errors | of the lowest cost | of the choice by "
          "validation | correlation");
    for (int k = 0; k < DRAWS; k++) {
        const starts *a = &s[net][k];
        row("%d | %d | %d | %.3f to %.3f | %.3f | %.3f | %+.2f", k + 1, a->resting, a->distinct,
            a->least, a->most, a->test[a->lowest], a->test[a->chosen], correlation(a));
    }
}

static void check(starts s[NETS][DRAWS]) {
    double mean[NETS] = { 0 }, lowest[NETS] = { 0 }, chosen[NETS] = { 0 }, corr[NETS] = { 0 };
    double gap = INFINITY, minima = 0;
    for (int i = 0; i < NETS; i++)
        for (int k = 0; k < DRAWS; k++) {
            const starts *a = &s[i][k];
            mean[i] += a->mean / DRAWS, corr[i] += correlation(a) / DRAWS;
            lowest[i] += a->test[a->lowest] / DRAWS, chosen[i] += a->test[a->chosen] / DRAWS;
            gap = fmin(gap, a->most - a->least), minima += (double)a->distinct / NETS / DRAWS;
        }
    table("hidden units | mean test error | of the lowest cost | of the choice by validation | "
          "correlation of cost and test error");
    for (int i = 0; i < NETS; i++)
        row("%d | %.4f | %.4f | %.4f | %+.2f", (int)hidden[i], mean[i], lowest[i], chosen[i],
            corr[i]);
    /* Five times eight other training sets, in the mean: 9 minima and more; correlations above 0.9,
       and from -0.4 to -0.1; choosing by validation gains 0.009 to 0.027. */
    must(minima >= 3 && gap > 0.005,
         "%.1f different minima a training set, in the mean, and test errors of one set's starts "
         "that differ by %.3f or more",
         minima, gap);
    must(corr[0] > 0.5 && lowest[0] < mean[0],
         "%d units: the lower the training cost the better on the test", (int)hidden[0]);
    must(
        corr[1] < 0.3 && lowest[1] > chosen[1] + 0.003,
        "%d units: the cost no longer tells, a correlation of %+.2f; the start of the lowest has a "
        "test error of %.3f, that of the best validation %.3f",
        (int)hidden[1], corr[1], lowest[1], chosen[1]);
}

static void draw(starts s[NETS][DRAWS]) {
    static const char *const name[] = { "2 hidden units", "5 hidden units" };
    wg_chart *c = wg_chart_new((wg_chart_options){ .width = 900, .height = 420, .columns = 2 });
    for (int i = 0; i < NETS; i++) {
        const starts *a = &s[i][0];
        wg_chart_panel(c, (wg_panel_options){ .title = name[i],
                                              .x = "training cost, nats",
                                              .y = "share of the test set wrong" });
        wg_chart_xy(c, "a start",
                    (wg_xy){ .mark = WG_MARK_POINTS, .n = STARTS, .x = a->cost, .y = a->test });
        wg_chart_xy(c, "lowest cost",
                    (wg_xy){ .mark = WG_MARK_POINTS,
                             .n = 1,
                             .x = &a->cost[a->lowest],
                             .y = &a->test[a->lowest] });
        wg_chart_xy(c, "chosen by validation",
                    (wg_xy){ .mark = WG_MARK_POINTS,
                             .n = 1,
                             .x = &a->cost[a->chosen],
                             .y = &a->test[a->chosen] });
    }
    picture(c, "minima",
            "Where the starts ended on the first training set; neither axis begins at 0.");
}

int main(void) {
    begin_section(
        "Random restarts",
        "This starting point is usually taken to be random. But how can we decide "
        "between the local minima? Well it turns out some minima are better than others!");
    static starts s[NETS][DRAWS];
    boots all = load_boots();
    for (int i = 0; i < NETS; i++)
        for (int k = 0; k < DRAWS && !wg_error(); k++)
            s[i][k] = restart(all, hidden[i], (uint64_t)k);
    if (!wg_error()) {
        for (int i = 0; i < NETS; i++) show(s, i);
        check(s);
        draw(s);
    }
    return end_section();
}
