/* Plain C: gather the pixels under the kernel, channel by channel, into outer panels of three. */
#include "abi.h"

enum { CHUNK = 64 }; /* k of a chunk of A */

/* The half of a panel that holds k of a row, behind so many chunk words. */
static inline int32_t place(int32_t row, int32_t k, int32_t chunk_words)
{
    return k / 2 * 6 + 2 * chunk_words + (row == 2 ? 2 + k % 2 : row + 4 * (k % 2));
}

void im2col_s16_outer_u32_ref(const struct im2col_s16 *args)
{
    const int32_t height = args->tile & 0xffff, width = args->tile >> 16;
    const int32_t channels = args->channels & 0xffff, blocks = args->channels >> 16;
    const int32_t kernel_h = args->kernel & 0xff, kernel_w = args->kernel >> 8 & 0xff;
    const int32_t stride_y = args->kernel >> 16 & 0xff, stride_x = args->kernel >> 24;
    const int32_t dilation_y = (int16_t)args->dilation, dilation_x = (int16_t)(args->dilation >> 16);
    const int32_t top = (int16_t)args->corner, left = (int16_t)(args->corner >> 16);
    const int32_t out_h = args->out & 0xffff, out_w = args->out >> 16;
    const int32_t pixels = out_h * out_w, panels = (pixels + 2) / 3;
    const int32_t depth = (blocks * kernel_h * kernel_w * channels + 3) / 4 * 4;
    const int32_t chunks = (depth + CHUNK - 1) / CHUNK;
    const int32_t shortfall = chunks * CHUNK - depth; /* the first chunk is shorter */
    const int32_t words = args->chunk_words;
    const int32_t halves = 3 * depth + (words ? 2 * chunks : 0); /* of a panel */

    int32_t oy = 0, ox = 0;
    for (int32_t j = 0; j < panels * 3; j++) {
        const int32_t row = j % 3;
        int16_t *panel = (int16_t *)args->panels + j / 3 * halves;
        int32_t k = 0;
        for (int32_t block = 0; block < blocks; block++) {
            for (int32_t ky = 0; ky < kernel_h; ky++) {
                const int32_t y = oy * stride_y + top + ky * dilation_y;
                for (int32_t kx = 0; kx < kernel_w; kx++) {
                    const int32_t x = ox * stride_x + left + kx * dilation_x;
                    const int inside = y >= 0 && y < height && x >= 0 && x < width;
                    const int32_t at = y * args->row_stride + x * args->pixel_stride + block * args->block_stride;
                    const int16_t *p = inside ? (const int16_t *)((const char *)args->x + at) : args->pad;
                    for (int32_t c = 0; c < channels; c++, k++)
                        panel[place(row, k, words ? (k + shortfall) / CHUNK : 0)] = p[c];
                }
            }
        }
        for (; k < depth; k++)
            panel[place(row, k, words ? (k + shortfall) / CHUNK : 0)] = 0;
        for (int32_t c = 0; words && c < chunks; c++) {
            int16_t *word = panel + ((c + 1) * CHUNK - shortfall) * 3 + 2 * c;
            word[0] = c + 1 == chunks ? 0 : c % 2 == 0 ? 1 : c == 1 ? 3 : 2;
            word[1] = 0;
        }
        if (j < pixels - 1 && ++ox == out_w) { /* the last panel repeats the last pixel */
            ox = 0;
            oy++;
        }
    }
    if (!words)
        args->panels[panels * halves / 2] = 0;
}
