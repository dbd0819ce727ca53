/* Plain C: gather the pixels under the kernel, channel by channel, into panels of three. */
#include "abi.h"

void im2col_u8_outer_u8_ref(const struct im2col_u8 *args)
{
    const int32_t height = args->tile & 0xffff, width = args->tile >> 16;
    const int32_t kernel_h = args->kernel & 0xff, kernel_w = args->kernel >> 8 & 0xff;
    const int32_t stride_y = args->kernel >> 16 & 0xff, stride_x = args->kernel >> 24;
    const int32_t top = (int16_t)args->corner, left = (int16_t)(args->corner >> 16);
    const int32_t out_h = args->out & 0xffff, out_w = args->out >> 16;
    const int32_t pixels = out_h * out_w, panels = (pixels + 2) / 3, channels = args->channels;
    const int32_t halves = (kernel_h * kernel_w * channels + 3) / 4 * 12; /* of a panel */
    const uint8_t flip = args->flip;

    int32_t oy = 0, ox = 0;
    for (int32_t j = 0; j < panels * 3; j++) {
        /* this pixel's halves in the three words of a pair of k: the third has both in the middle one */
        int16_t *restrict b = (int16_t *)args->b + j / 3 * halves + j % 3;
        int32_t hop = j % 3 == 2 ? 1 : 4, k = 0;
        for (int32_t ky = 0; ky < kernel_h; ky++) {
            const int32_t y = oy * stride_y + top + ky;
            for (int32_t kx = 0; kx < kernel_w; kx++) {
                const int32_t x = ox * stride_x + left + kx;
                const int inside = y >= 0 && y < height && x >= 0 && x < width;
                const uint8_t *restrict p =
                    inside ? args->x + y * args->row_stride + x * args->pixel_stride : args->pad;
                const int32_t step = inside ? args->channel_stride : 1;
                for (int32_t c = 0; c < channels; c++) {
                    *b = *p ^ flip;
                    p += step;
                    b += hop;
                    hop = 6 - hop;
                }
                k += channels;
            }
        }
        for (; k % 4; k++) {
            *b = 0;
            b += hop;
            hop = 6 - hop;
        }
        if (j < pixels - 1 && ++ox == out_w) { /* the last panel repeats the last pixel */
            ox = 0;
            oy++;
        }
    }
    args->b[panels * halves / 2] = 0;
}
