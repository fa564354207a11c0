// SPDX-License-Identifier: MIT
/* A section whose check does not hold: it must not end well, which the CTest lecture.frame sees. */
#include "lecture.h"

int main(void) {
    begin_section("Nothing", "One is two.");
    must(1 < 2, "1 is less than 2");
    must(1 == 2, "1 is 2");
    return end_section();
}
