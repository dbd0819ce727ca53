/* What the conversions of the float32 matrix product share. */
#ifndef SPINNTENSOR_FLOAT_GEMM_H
#define SPINNTENSOR_FLOAT_GEMM_H

#define FLOAT_NONFINITE 0x10000 /* NONFINITE in spinntensor/abi/float_gemm.py */

#endif
