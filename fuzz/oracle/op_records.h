// SPDX-License-Identifier: MIT
/* op_records.h: records of operations that are right, each with the same thing said in the
   library's operations; and what can be wrong with a record. fuzz_register.c puts them together. */
#ifndef WG_FUZZ_OP_RECORDS_H
#define WG_FUZZ_OP_RECORDS_H

#include "autograd/check/check_impl.h"

/* A record that is right. All are sums and products, so that on small whole numbers the record and
   its twin give the same bits. */
typedef struct wg__good_record {
    const wg_op *op;
    wg_tensor *(*twin)(wg_tensor *const x[], int n);
} wg__good_record;
enum { WG__FACTOR = 3 };  // the attribute of the one that has one: a double
int wg__good_record_count(void);
const wg__good_record *wg__good_record_at(int i);

/* What a function of the record does besides, or in place of, what is right. */
typedef enum wg__lie {
    WG__HONEST,
    WG__REFUSES,       // without a reason
    WG__FAILS,         // with one
    WG__FAILS_AND_ON,  // reports an error, and gives its result all the same
    WG__SAYS_NOTHING,  // infer: true, and nothing filled in; else NULL without an error
    WG__OTHER_SHAPE,
    WG__OTHER_DTYPE,
    WG__LEAVES_SCOPE,  // opens one
    WG__CLOSES_SCOPE,  // that is not its own
    WG__SCALED,        // a number that is wrong
    WG__GIVES_INPUT,   // or gy, or dx, as it is
    WG__ITSELF,        // applies itself
    WG__RANK_BELOW,    // infer only, from here on
    WG__RANK_ABOVE,
    WG__SIZE_BELOW,
    WG__SIZE_ABOVE,
    WG__NO_DTYPE,
    WG__ALIAS_DTYPE,  // aliases that reach out of the input's memory, or are no views at all
    WG__ALIAS_STRIDE,
    WG__ALIAS_OFFSET,
    WG__ALIAS_BEFORE,
    WG__ALIAS_SIZE,
    WG__ALIAS_RANK,
    WG__ALIAS_BELOW,
    WG__LIES
} wg__lie;

/* A record of our own; the functions find it behind c->op. */
typedef struct wg__odd_record {
    wg_op op;
    char name[80], sample[80];
    wg_attr attrs[2];
    const wg__good_record *good;
    wg__lie infer, forward, compose, vjp, jvp;
} wg__odd_record;

/* A copy of a good record under this name. */
void wg__odd_record_make(wg__odd_record *m, const wg__good_record *good, const char *name);
/* Where a flaw must be noticed. */
enum {
    WG__AT_REGISTER = 1,
    WG__AT_APPLY = 2,
    WG__AT_REVERSE = 4,
    WG__AT_FORWARD = 8,
    WG__ANYWHERE = 16,  // or nowhere: then nothing is said of the numbers
    WG__AT_SELFTEST = 32
};
typedef struct wg__flaw {
    const char *name;
    void (*make)(wg__odd_record *m, wg__lie lie);
    wg__lie lie;                    // for functions
    unsigned must;                  // what must notice it
    bool (*fits)(const wg_op *op);  // NULL: any
} wg__flaw;
int wg__flaw_count(void);
const wg__flaw *wg__flaw_at(int i);

#endif
