/* Lines of text for the host, in the block that vcpu.iobuf names. Text is words of four characters: code has no data. */
#ifndef SPINNTENSOR_TEXT_H
#define SPINNTENSOR_TEXT_H
#include "state.h"

#define FOUR(a, b, c, d) ((uint32_t)(a) | (uint32_t)(b) << 8 | (uint32_t)(c) << 16 | (uint32_t)(d) << 24)
#define TEXT_ROOM 1024 /* bytes of text at most: the least that SC&MP gives */

__attribute__((noinline)) static void text_word(uint32_t word)
{
    volatile struct iobuf *b = (volatile struct iobuf *)STATE->vcpu->iobuf;
    if (!b || b->used + 4 > TEXT_ROOM)
        return;
    *(volatile uint32_t *)((uint32_t)(b + 1) + b->used) = word;
    b->used += 4;
}

__attribute__((noinline)) static void text_hex(uint32_t value)
{
    for (int half = 0; half < 2; half++) {
        uint32_t word = 0;
        for (int i = 0; i < 4; i++) {
            uint32_t digit = value >> 28;
            word |= (digit + (digit < 10 ? '0' : 'a' - 10)) << 8 * i;
            value <<= 4;
        }
        text_word(word);
    }
}

/* "name  value\n"; eight characters of a name. */
__attribute__((noinline)) static void text_line(uint32_t name0, uint32_t name1, uint32_t value)
{
    text_word(name0);
    text_word(name1);
    text_hex(value);
    text_word(FOUR(' ', ' ', ' ', '\n'));
}
#endif
