// SPDX-License-Identifier: MIT
/* ring.c: tags of two bytes as operations, by consistent hashing (Karger et al. 1997). */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "fuzz/vm/vm.h"
