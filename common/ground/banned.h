/*
 * banned.h: calls that become compile errors. The makefile includes it before everything else.
 *
 * Each is a function-like macro that expands to the name of a thing that does not exist, so the compiler names the
 * banned call and its line. The headers that declare or redefine these names come first; what system headers do in
 * macros of their own is only seen where such a macro is used.
 */
#ifndef BELLMAN_BANNED_H
#define BELLMAN_BANNED_H

#include <alloca.h>
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BANNED(function) sorry_##function##_is_a_banned_function

/* No bound on what is written: snprintf, GString, g_strdup_printf, memcpy with a checked length. */
#undef strcpy
#define strcpy(to, from) BANNED(strcpy)
#undef stpcpy
#define stpcpy(to, from) BANNED(stpcpy)
#undef strcat
#define strcat(to, from) BANNED(strcat)
#undef sprintf
#define sprintf(...) BANNED(sprintf)
#undef vsprintf
#define vsprintf(to, format, args) BANNED(vsprintf)
#undef gets
#define gets(to) BANNED(gets)

/* May leave no NUL, or fills the rest: g_strlcpy, memcpy. */
#undef strncpy
#define strncpy(to, from, length) BANNED(strncpy)
#undef strncat
#define strncat(to, from, length) BANNED(strncat)

/* State shared by all threads: g_strsplit, strchr; strerror: g_strerror. */
#undef strtok
#define strtok(text, separators) BANNED(strtok)
#undef strerror
#define strerror(number) BANNED(strerror)

/* The process's time zone, or a static buffer: ground/clock.h, GDateTime. */
#undef gmtime
#define gmtime(time) BANNED(gmtime)
#undef localtime
#define localtime(time) BANNED(localtime)
#undef localtime_r
#define localtime_r(time, out) BANNED(localtime_r)
#undef ctime
#define ctime(time) BANNED(ctime)
#undef ctime_r
#define ctime_r(time, out) BANNED(ctime_r)
#undef asctime
#define asctime(time) BANNED(asctime)
#undef asctime_r
#define asctime_r(time, out) BANNED(asctime_r)
#undef mktime
#define mktime(time) BANNED(mktime)

/* No errors told: g_ascii_string_to_signed. */
#undef atoi
#define atoi(text) BANNED(atoi)
#undef atol
#define atol(text) BANNED(atol)
#undef atoll
#define atoll(text) BANNED(atoll)

/* Predictable, and one state for all: g_random_int, getrandom. */
#undef rand
#define rand() BANNED(rand)
#undef random
#define random() BANNED(random)

/* A stack that overflows by a number from outside. */
#undef alloca
#define alloca(size) BANNED(alloca)

#endif
