// Somebody else's program in C++: shapes, axes, an option struct and a gradient.
#include <cstdio>
#include <wengert.h>

int main() {
    wg_tensor *x = wg_variable(wg_full(WG_F64, WG_SHAPE(2, 3), 2));   // (2, 3)
    wg_tensor *rows = wg_sum_axes(wg_square(x), WG_AXES(-1), false);  // (2)
    wg_tensor *y = wg_add(wg_sum(rows), wg_ones(WG_F64, WG_SCALAR)), *gx = nullptr;
    wg_grad(y, &x, 1, &gx, wg_grad_options{ nullptr, true });  // 2 x
    double total = wg_item(y), slope = wg_item(wg_mean(gx));
    std::printf("the sum is %g, its slope %g\n", total, slope);
    bool shaped = wg_rank(gx) == 2 && wg_dim(gx, 0) == 2 && wg_dim(gx, 1) == 3;
    return !wg_error() && shaped && wg_rank(y) == 0 && total == 25 && slope == 4 ? 0 : 1;
}
