/*
 * fuzz.h: the entry point that libFuzzer calls, and how a target says that what must hold does not.
 */
#ifndef BELLMAN_FUZZ_H
#define BELLMAN_FUZZ_H

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

/* Ends the process, so that libFuzzer keeps the input. */
#define MUST_HOLD(condition)                                                          \
    do {                                                                              \
        if (!(condition)) {                                                           \
            g_printerr("%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                                  \
        }                                                                             \
    } while (0)

#endif
