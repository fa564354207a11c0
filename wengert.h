// SPDX-License-Identifier: MIT
/* wengert.h: everything but op.h, which those include who write an operation of their own. */
#ifndef WENGERT_H
#define WENGERT_H

#include "tensor/tensor.h"
#include "io/io.h"
#include "autograd/autograd.h"
#include "nn/nn.h"
#include "optim/optim.h"
#include "train/train.h"

#endif
