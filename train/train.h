// SPDX-License-Identifier: MIT
/* train.h: what surrounds a network while it learns: sets of samples cut into batches, measures of
   how good it is, and the loop. */
#ifndef WG_TRAIN_H
#define WG_TRAIN_H

#include "train/data.h"     // sets, parts, batches
#include "train/fit.h"      // the loop
#include "train/metrics.h"  // measures

#endif
