"""b where a > 0 or a is NaN, else +0: what goes back through a ReLU of `a`."""

from spinntensor.kernels._f32_eltwise import declare

KERNEL = declare("f32_relu_gradient")
