// Somebody else's program: one sum, and the headers as they are installed.
#include <autograd/op.h>
#include <stdio.h>
#include <wengert.h>

int main(void) {
    wg_tensor *x = wg_add(wg_zeros(WG_F32, WG_SHAPE(2, 3)), wg_num(1));  // (2, 3)
    double sum = wg_item(wg_sum(x));
    printf("the sum of six ones is %g\n", sum);
    if (wg_error()) return 1;
    return sum == 6 ? 0 : 1;
}
