/*
 * redis_lab - a real redis-server on loopback, with a folder of its own.
 *
 * It runs in the foreground below a new folder in /tmp; redis_lab_close() ends
 * it by its process id and removes the folder.
 */
#ifndef TESTS_REDIS_LAB_H
#define TESTS_REDIS_LAB_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct redis_lab {
	pid_t pid; /* 0: it does not run */
	unsigned port;
	char folder[64];
	char url[64];      /* redis://127.0.0.1:PORT/0 */
	char socket[96];   /* its path; it listens there, too */
	char options[256]; /* lines of its configuration */
};

/* redis_lab_is_installed - otherwise tests say SKIP. */
bool redis_lab_is_installed(void);

/* redis_lab_open - start it with these further lines of configuration, and
 * wait until it answers, at most 10 s; aborts when it does not. */
void redis_lab_open(struct redis_lab *lab, const char *options);
void redis_lab_close(struct redis_lab *lab);

/* redis_lab_kill - kill -9; redis_lab_resume - the same one again, with what
 * it had saved. */
void redis_lab_kill(struct redis_lab *lab);
void redis_lab_resume(struct redis_lab *lab);

/*
 * redis_lab_say - a command of words without blanks ("SET a 1"), and the first
 * line of what it answers, without its end; "" when the server is away or does
 * not answer within 5 s.  With a password: "AUTH password" is its own command,
 * so open the server with it set afterwards (CONFIG SET).
 */
void redis_lab_say(const struct redis_lab *lab, const char *command, char *out,
    size_t size);

/* redis_lab_tell - the same, which must be answered with `answer`. */
void redis_lab_tell(const struct redis_lab *lab, const char *command,
    const char *answer);

#endif
