// SPDX-License-Identifier: MIT
/* vm.h: byte strings as programs over the list of operations.

   Every fuzz target reads its input through this machine, so that an operation which somebody
   registers takes part in all of them. The idea is libxml2's (fuzz/api.c): registers, and
   instructions that always find operands, so that any bytes whatever are a valid program and no
   input is wasted on being refused.

   An input is a row of records of 8 bytes: one head, then as many leaves as the head says, then
   instructions up to the end. What is missing reads as 0. Decoding runs the program once, in f64,
   because what an instruction means depends on what stands in the registers: it ends as a list of
   steps with everything settled, which can be run again and again, printed as text and as C.

   What an instruction does, in this order, until something works:
     - the operation on the registers it names, with the attributes of one of its samples, some of
       them changed by the attribute byte;
     - the same with the next register that fits in place of one that does not;
     - the sample's own shapes: registers brought to them by operations (reshape, take, and a smooth
       squashing into the range that the sample asks for), indices and truth values as new leaves;
     - nothing.
   A result that is too large, in number or in size, or not finite, is taken back or squashed
   (tanh), but for programs of special numbers. */
#ifndef WG_FUZZ_VM_H
#define WG_FUZZ_VM_H

#include "autograd/check/check_impl.h"

enum {
    WG__VM_RECORD = 8,         // bytes of a head, a leaf, an instruction
    WG__VM_LEAVES = 48,        // with the indices that operations asked for
    WG__VM_FIRST_LEAVES = 4,   // that the head can ask for
    WG__VM_INSTRUCTIONS = 24,  // read from the input
    WG__VM_STEPS = 120,        // with those that bring registers into shape
    WG__VM_REGISTERS = WG__VM_LEAVES + WG__VM_STEPS,
    WG__VM_OPERANDS = 12,
    WG__VM_OUTPUTS = 3,
    WG__VM_ELEMENTS = 256,  // of a register
    WG__VM_SPANS = 4,
};
static const double WG__VM_MOST = 1e4;  // |value| of a register

/* ---- the bytes: what each of a record's 8 means; the mutator knows it, too ------------------- */

typedef enum wg__vm_head {
    WG__VM_HEAD_MODE,      // % 8: 0-3 general, 4-6 whole, 7 special numbers; / 8 % 4 == 3: f32
    WG__VM_HEAD_LEAVES,    // 1 + % WG__VM_FIRST_LEAVES
    WG__VM_HEAD_CHOICE,    // three bytes for the target: which oracles, what else it needs
    WG__VM_HEAD_SEED = 5,  // two bytes: of directions and cotangents
    WG__VM_HEAD_OUTPUTS,   // 1 + % WG__VM_OUTPUTS of the last registers that are floats
} wg__vm_head;
typedef enum wg__vm_leaf_byte {
    WG__VM_LEAF_RANK,   // weighted: 0 to 4 mostly, up to WG_MAX_RANK rarely
    WG__VM_LEAF_SIZES,  // two bytes: codes of sizes, from {0 1 2 3 4 5 7 8 9 16 17}, small mostly
    WG__VM_LEAF_LAYOUT = 3,  // % WG__LAYOUTS
    WG__VM_LEAF_KIND,        // % 8: 0-5 variable, 6 constant, 7 integers
    WG__VM_LEAF_VALUES,      // two bytes: seed of the values, by the program's mode
    WG__VM_LEAF_TABLE =
        7,  // 0: as the mode says; else which table of values (equal ones, ramps ...)
} wg__vm_leaf_byte;
typedef enum wg__vm_step_byte {
    WG__VM_STEP_TAG,         // two bytes: a place on the ring of operations' names, see wg__vm_op
    WG__VM_STEP_PICK = 2,    // three bytes: operands; below 208 among those unread that depend on a
                             // variable, from 240 on a fresh leaf, else back from the newest
    WG__VM_STEP_SAMPLE = 5,  // which of the operation's samples
    WG__VM_STEP_ATTR,        // 0: the sample's attributes; else what to change about them
    WG__VM_STEP_FLAGS,  // % 32: 9 stop, 10 unrecorded, 11-12 checkpoint, 13-14 scope; / 32 is how
                        // many instructions more the span has
} wg__vm_step_byte;

/* The operation whose name stands nearest on the ring: each name has a few places there, by its
   hash, so that one more operation takes over few tags and leaves all others as they were. */
const wg_op *wg__vm_op(uint16_t tag);
/* A tag that means this operation; for the mutator and the assembler. */
uint16_t wg__vm_tag(const wg_op *op);
/* To be called after operations were registered; decoding calls it when the list has grown. */
void wg__vm_ring_update(void);

/* ---- programs -------------------------------------------------------------------------------- */

typedef struct wg__vm_leaf {
    wg__kind kind;   // WG__FLOAT: of the dtype in which the program is run
    wg_dtype dtype;  // of what is no float
    wg_shape shape;
    wg__layout layout;
    bool variable;  // tracked; false for a constant
    double *value;  // C order
} wg__vm_leaf;

enum { WG__VM_STOP = 1, WG__VM_UNRECORDED = 2 };  // flags of a step: its result is cut off
typedef struct wg__vm_step {                      // writes register p->leaves + (its place)
    const wg_op *op;
    int inputs;
    int in[WG__VM_OPERANDS];  // registers; -1: absent
    void *attr;               // op->attr_size bytes; NULL if that is 0
    unsigned flags;
} wg__vm_step;

/* Steps first ... last (places among the steps). Spans are disjoint or nested. */
typedef enum wg__vm_span_kind { WG__VM_CHECKPOINT, WG__VM_SCOPE } wg__vm_span_kind;
typedef struct wg__vm_span {
    wg__vm_span_kind kind;  // run by wg_checkpoint; or in a scope, what is read later being kept
    int first, last;
} wg__vm_span;

/* Registers 0 ... leaves-1 are the leaves, then one for each step. All memory lies in the scope
   that was innermost when the program was made. */
typedef struct wg__vm_program {
    wg__mode mode;   // WG__GENERAL, WG__WHOLE, WG__SPECIAL
    wg_dtype dtype;  // in which it asks to be run; it was decoded in f64
    uint64_t seed;
    uint8_t choice[3];
    int leaves, steps, outputs, spans;
    wg__vm_leaf leaf[WG__VM_LEAVES];
    wg__vm_step step[WG__VM_STEPS];
    int output[WG__VM_OUTPUTS];
    wg__vm_span span[WG__VM_SPANS];
} wg__vm_program;

/* Whether register `reg` is an output, or read by a step behind step `last`; and whether of what
   steps first ... last compute only the last is: the registers of steps begin at `base`. */
bool wg__vm_is_read(const wg__vm_program *p, int reg, int last);
bool wg__vm_is_closed(const wg__vm_program *p, int base, int first, int last);

typedef struct wg__vm_limits {
    int instructions;   // 0: WG__VM_INSTRUCTIONS
    int64_t elements;   // 0: WG__VM_ELEMENTS
    const wg_op *only;  // every instruction is this operation, but for what brings registers into
                        // shape; NULL: as the tags say
} wg__vm_limits;

/* False, with an error pending, only if there is no memory. Text in the form of wg__vm_print is
   taken as well as bytes: it begins with WG__VM_MAGIC. */
#define WG__VM_MAGIC "wengert program"
bool wg__vm_decode(const uint8_t *data, size_t size, wg__vm_limits limits, wg__vm_program *p);

/* ---- running --------------------------------------------------------------------------------- */

typedef struct wg__vm_setting {
    wg_dtype dtype;        // of the float leaves
    bool dense;            // all leaves dense, whatever their layout
    bool plain;            // without spans: no checkpoints, no scopes
    double *const *value;  // value[i] for leaf i; NULL: the program's
} wg__vm_setting;

typedef struct wg__vm_run {
    wg_tensor *reg[WG__VM_REGISTERS];  // NULL within a span, where the register did not outlive it
    wg_tensor *base[WG__VM_LEAVES];    // the blocks behind the leaves, canaries in their gaps
    wg_tensor *x[WG__VM_LEAVES];       // the variables among the leaves,
    int which[WG__VM_LEAVES];          // and which leaves they are
    int variables;
} wg__vm_run;

/* Makes the leaves and runs the steps. False, with the error pending, if one of them failed, as in
   f32 some may. */
bool wg__vm_run_make(const wg__vm_program *p, const wg__vm_setting *s, wg__vm_run *r);
/* In f64 and the program's layouts. */
bool wg__vm_run_usual(const wg__vm_program *p, wg__vm_run *r);
/* Only the steps, on leaves that are there: r->reg[0 ... leaves-1]. */
bool wg__vm_run_steps(const wg__vm_program *p, bool plain, wg__vm_run *r);
/* Whether the gaps between and around the leaves' elements are as they were. */
bool wg__vm_gaps_are_whole(const wg__vm_program *p, const wg__vm_run *r);

/* ---- text: text.c parse.c reproduce.c -------------------------------------------------------- */

/* One line a leaf and a step, in decimals that bring every bit back. */
bool wg__vm_print(FILE *file, const wg__vm_program *p);
/* The program in C, complete, by the public interface alone: prints the outputs, and the gradients
   of the variables by reverse mode. */
bool wg__vm_print_c(FILE *file, const wg__vm_program *p);
/* Reads what wg__vm_print wrote; a line that makes no sense is left out. False if there is no
   memory. */
bool wg__vm_parse(const char *text, size_t size, wg__vm_program *p);

/* ---- coverage of meanings: driver/cover.c ---------------------------------------------------- */

/* Counts (op, rank, broadcasting, layout, dtype, mode, order) in libFuzzer's extra counters, so
   that a meaning that was not seen before counts as new coverage. */
void wg__fuzz_cover_program(const wg__vm_program *p, int order);

/* ---- failures: driver/report.c --------------------------------------------------------------- */

/* Prints "WENGERT FUZZ: oracle NAME: MESSAGE", the program as text and as C, and aborts. */
_Noreturn void wg__fuzz_fail(const wg__vm_program *p, const char *oracle, const char *format, ...)
    WG_PRINTF(3, 4);

/* ---- oracles: oracle/ ------------------------------------------------------------------------ */

/* Each holds a program to one property, and calls wg__fuzz_fail where it does not hold. It runs in
   a scope of its own, begins and ends without a pending error. */
typedef void wg__fuzz_oracle(const wg__vm_program *p);

/* A row for each in oracle/oracles.def. */
typedef enum wg__fuzz_wants {  // of a program: its dtype and its mode
    WG__FUZZ_F64 = 1,
    WG__FUZZ_F32 = 2,
    WG__FUZZ_GENERAL = 4,
    WG__FUZZ_WHOLE = 8,
    WG__FUZZ_SPECIAL = 16,
    WG__FUZZ_SMOOTH = 15,
    WG__FUZZ_ANY = 31
} wg__fuzz_wants;
typedef enum wg__fuzz_targets {
    WG__FUZZ_GRAPH = 1,
    WG__FUZZ_HIGHER = 2,
    WG__FUZZ_CHECKPOINT = 4,
    WG__FUZZ_OP = 8
} wg__fuzz_targets;
#define ORACLE(name, number, wants, targets, often) wg__fuzz_oracle wg__oracle_##name;
#include "fuzz/oracle/oracles.def"
#undef ORACLE

/* Runs one oracle of these targets, which p->choice[0] picks from the table, if it wants such a
   program; in fuzz_graph the adjoint identity besides, always. Counts coverage. */
void wg__fuzz_judge(const wg__vm_program *p, unsigned targets);

#endif
