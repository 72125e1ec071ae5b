/*
 * base.h: the few macros every file may use.
 *
 * CLEANUP(fn) runs fn(&variable) when the variable leaves scope; handles that GLib knows use
 * g_autoptr/g_autofree, json_t uses json_auto_t, everything else uses this.
 */
#ifndef BELLMAN_BASE_H
#define BELLMAN_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define CLEANUP(fn) __attribute__((cleanup(fn)))
#define MUST_CHECK __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define UNUSED __attribute__((unused))

#define US_PER_S INT64_C(1000000)
#define US_PER_MS INT64_C(1000)
#define MS_PER_S INT64_C(1000)

#endif
