// SPDX-License-Identifier: MIT
/* lecture.h: what the program of a section needs. Each shows one thing that the lecture claims: in
   the terminal, and as a piece of build/lecture/index.html and of docs/lecture.md, which
   `./dev lecture` joins. What a section prints comes from its run.

       int main(void) {
           begin_section("The perceptron", "A perceptron is a simple binary decision maker ...");
           double share = CODE(wg_item(wg_mean(wg_step(x))));
           number("share of ones", share, "");
           must(share > 0.5, "%.2f of the outputs are 1, more than half", share);
           picture(chart, "shares", "How many outputs are 1, by layer.");
           return end_section();
       }
 */
#ifndef WG_EXAMPLES_LECTURE_H
#define WG_EXAMPLES_LECTURE_H

#include <wengert.h>

/* Names the section by its file, NUMBER-NAME.c, whose number is the lecture's. `claim` is what the
   lecture says, in its words. */
#define begin_section(title, claim) lecture_begin(__FILE__, title, claim)

void say(const char *format, ...) WG_PRINTF(1, 2);  // a paragraph
void number(const char *name, double value, const char *unit);

/* A heading, and the rows that follow it at once, at most 60 of 12 columns: cells stand between
   bars, as in table("epoch | mistakes") and row("%d | %g", epoch, mistakes). */
void table(const char *headings);
void row(const char *format, ...) WG_PRINTF(1, 2);

/* Computes an expression and shows its text, once even if it runs again. */
#define CODE(...) (lecture_code(#__VA_ARGS__), __VA_ARGS__)

/* A check: says the words, and fails the section unless the condition holds. The words have the
   numbers in them. Returns the condition. */
bool must(bool condition, const char *format, ...) WG_PRINTF(2, 3);

/* Draws the chart as SECTION-NAME.svg, or as it is if NAME ends in .png, and frees it. */
void picture(wg_chart *c, const char *name, const char *caption);
/* The same for an image, see wg_io_save_image: SECTION-NAME.png, and characters in the terminal.
   Small ones are enlarged, pixel by pixel. */
void image(wg_tensor *x, const char *name, const char *caption);

/* The exit status: 0 if all checks held, there were some, and no error is pending. */
int end_section(void);

void lecture_begin(const char *file, const char *title, const char *claim);
void lecture_code(const char *text);

#endif
