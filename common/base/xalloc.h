/*
 * xalloc - memory that is there, or a process that is not.
 *
 * Every input is bounded, so running out of memory is not something a remote
 * party can cause; the process says so and aborts, and the MTA's default
 * action (tempfail) keeps the mail.
 *
 * Threads:  reentrant.
 */
#ifndef GP_BASE_XALLOC_H
#define GP_BASE_XALLOC_H

#include <stddef.h>

/* Zeroed storage for n objects of `size` bytes; never NULL; free() it. */
void *gp_xcalloc(size_t n, size_t size)
    __attribute__((malloc, alloc_size(1, 2), returns_nonnull));

/* As realloc() to n * size bytes; never NULL, overflow aborts. */
void *gp_xrealloc(void *p, size_t n, size_t size)
    __attribute__((alloc_size(2, 3), returns_nonnull));

/* A NUL-terminated copy of n bytes of `s`; never NULL; free() it. */
char *
gp_xstrndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));

/* A copy of the string `s`; never NULL; free() it. */
char *gp_xstrdup(const char *s) __attribute__((malloc, returns_nonnull));

/* What to do when a foreign library reports that it got no memory. */
void gp_out_of_memory(void) __attribute__((noreturn));

#endif
