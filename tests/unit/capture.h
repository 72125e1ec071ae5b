/*
 * capture.h: what a piece of code writes to a file descriptor.
 */
#ifndef BELLMAN_TESTS_CAPTURE_H
#define BELLMAN_TESTS_CAPTURE_H

struct capture {
    int fd;    /* the descriptor that is captured */
    int saved; /* where it led before */
    int file;
};

/* From here on what is written to fd (1 or 2) goes to an unnamed file. */
void capture_begin(struct capture *c, int fd);
/* Puts fd back and returns everything that was written; for g_free. */
char *capture_end(struct capture *c);

#endif
