/* Plain C of the Winograd input transforms, for one type of pixel. */
#ifndef WINOGRAD_INPUT_REF_H
#define WINOGRAD_INPUT_REF_H
#include "abi.h"

#define WINOGRAD_INPUT_2X2_REF(name, pixel)                                                                   \
    void name(const struct winograd_input *args)                                                              \
    {                                                                                                         \
        const uint32_t pairs = args->pairs, tiles = args->tiles, step = args->x_step, row = args->x_row;      \
        const uint32_t position = 6 * pairs; /* halfwords */                                                  \
        uint32_t column = 0, line = 0;                                                                        \
        for (uint32_t t = 0; t < (tiles + 2) / 3 * 3; t++) {                                                  \
            const pixel *restrict x = (const pixel *)args->x + 2 * line * row + 2 * column * step;            \
            int16_t *restrict v = (int16_t *)args->v + t / 3 * 16 * position;                                 \
            const uint32_t s0 = t % 3 == 2 ? 2 : t % 3, s1 = t % 3 == 2 ? 3 : t % 3 + 4;                      \
            for (uint32_t k = 0; k < 2 * pairs; k++, x++) {                                                   \
                int16_t *out = v + k / 2 * 6 + (k % 2 ? s1 : s0);                                             \
                int32_t h[4][4];                                                                              \
                for (uint32_t r = 0; r < 4; r++) {                                                            \
                    const pixel *d = x + r * row;                                                             \
                    const int32_t d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step];                \
                    h[r][0] = d0 - d2;                                                                        \
                    h[r][1] = d1 + d2;                                                                        \
                    h[r][2] = d1 - d2;                                                                        \
                    h[r][3] = d3 - d1;                                                                        \
                }                                                                                             \
                for (uint32_t j = 0; j < 4; j++) {                                                            \
                    out[(0 + j) * position] = (int16_t)(h[0][j] - h[2][j]);                                   \
                    out[(4 + j) * position] = (int16_t)(h[1][j] + h[2][j]);                                   \
                    out[(8 + j) * position] = (int16_t)(h[2][j] - h[1][j]);                                   \
                    out[(12 + j) * position] = (int16_t)(h[1][j] - h[3][j]);                                  \
                }                                                                                             \
            }                                                                                                 \
            if (t + 1 < tiles && ++column == args->columns) { /* tiles that do not exist repeat the last */   \
                column = 0;                                                                                   \
                line++;                                                                                       \
            }                                                                                                 \
        }                                                                                                     \
        args->v[(tiles + 2) / 3 * 16 * 3 * pairs] = 0;                                                        \
    }

#define WINOGRAD_INPUT_2X4_REF(name, pixel)                                                                   \
    void name(const struct winograd_input *args)                                                              \
    {                                                                                                         \
        const uint32_t pairs = args->pairs, tiles = args->tiles, step = args->x_step, row = args->x_row;      \
        const uint32_t position = 6 * pairs; /* halfwords */                                                  \
        uint32_t column = 0, line = 0;                                                                        \
        for (uint32_t t = 0; t < (tiles + 2) / 3 * 3; t++) {                                                  \
            const pixel *restrict x = (const pixel *)args->x + 2 * line * row + 4 * column * step;            \
            int16_t *restrict v = (int16_t *)args->v + t / 3 * 24 * position;                                 \
            const uint32_t s0 = t % 3 == 2 ? 2 : t % 3, s1 = t % 3 == 2 ? 3 : t % 3 + 4;                      \
            for (uint32_t k = 0; k < 2 * pairs; k++, x++) {                                                   \
                int16_t *out = v + k / 2 * 6 + (k % 2 ? s1 : s0);                                             \
                int32_t h[4][6];                                                                              \
                for (uint32_t r = 0; r < 4; r++) {                                                            \
                    const pixel *d = x + r * row;                                                             \
                    const int32_t d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step];                \
                    const int32_t d4 = d[4 * step], d5 = d[5 * step];                                         \
                    h[r][0] = 4 * d0 - 5 * d2 + d4;                                                           \
                    h[r][1] = d3 + d4 - 4 * (d1 + d2);                                                        \
                    h[r][2] = d4 - d3 + 4 * (d1 - d2);                                                        \
                    h[r][3] = d4 - d2 + 2 * (d3 - d1);                                                        \
                    h[r][4] = d4 - d2 - 2 * (d3 - d1);                                                        \
                    h[r][5] = 4 * d1 - 5 * d3 + d5;                                                           \
                }                                                                                             \
                for (uint32_t j = 0; j < 6; j++) {                                                            \
                    out[(4 * j + 0) * position] = (int16_t)(h[0][j] - h[2][j]);                               \
                    out[(4 * j + 1) * position] = (int16_t)(h[1][j] + h[2][j]);                               \
                    out[(4 * j + 2) * position] = (int16_t)(h[1][j] - h[2][j]);                               \
                    out[(4 * j + 3) * position] = (int16_t)(h[3][j] - h[1][j]);                               \
                }                                                                                             \
            }                                                                                                 \
            if (t + 1 < tiles && ++column == args->columns) { /* tiles that do not exist repeat the last */   \
                column = 0;                                                                                   \
                line++;                                                                                       \
            }                                                                                                 \
        }                                                                                                     \
        args->v[(tiles + 2) / 3 * 24 * 3 * pairs] = 0;                                                        \
    }

#endif
