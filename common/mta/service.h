/*
 * service - the life of a daemon around its milter: start, reload, stop.
 *
 * It holds what a reload replaces (policy and resolver) as one counted
 * whole, so that each session is judged by exactly one policy from its first
 * to its last command, and nothing is torn down under a session.
 *
 * Blocking: start, reload and stop do file I/O and wait for threads.
 * Threads:  take and release from any; reload from main and control.
 */
#ifndef GP_MTA_SERVICE_H
#define GP_MTA_SERVICE_H

#include "base/buf.h"
#include "mta/options.h"
#include "mta/session.h"

struct gp_service;

/* gp_service_host - our own name, normalised; "localhost" where there is none
 * that is a domain name. */
void gp_service_host(char host[GP_DOMAIN_TEXT]);

/*
 * gp_service_check - read the policy, open what the milter needs with it, and
 * print every problem on stderr.  Returns 0, or 78 (EX_CONFIG).
 */
int
gp_service_check(const struct gp_milter *milter, const struct gp_options *o);

/*
 * gp_service_start - everything before the milter's socket: policy, folders,
 * lock, user, background, seal key, resolver, control socket.  Signals are
 * blocked from here on.  Returns 0 with *out, or the exit code after having
 * said why on stderr.
 */
int gp_service_start(const struct gp_milter *milter, const struct gp_options *o,
    struct gp_service **out);

/* gp_service_socket - the milter socket to open: option or policy. */
const char *gp_service_socket(const struct gp_service *s);

const struct gp_app *gp_service_app(const struct gp_service *s);

/* gp_service_ready - the socket listens: tell whoever waits for it. */
void gp_service_ready(struct gp_service *s);

/* gp_service_take - the policy and resolver in force; release it again. */
struct gp_env *gp_service_take(struct gp_service *s);
void gp_service_release(struct gp_env *env);

/*
 * gp_service_reload - read the policy anew.  True: it is in force.  False:
 * the old one stays, `out` has every problem, one a line.
 */
bool gp_service_reload(struct gp_service *s, struct gp_buf *out);

/* gp_service_pulse - from time to time: what has changed, such as the number
 * of sessions, stands in the status that systemd shows. */
void gp_service_pulse(struct gp_service *s);

/* gp_service_stopping - the end has begun: systemd is told. */
void gp_service_stopping(struct gp_service *s);

/* gp_service_cancel - stopping: DNS look-ups under way end at once. */
void gp_service_cancel(struct gp_service *s);

/* gp_service_stop - the control socket goes, and the milter writes what must
 * not be lost; sessions may still exist, so nothing that they share is freed:
 * the process is about to end. */
void gp_service_stop(struct gp_service *s);

#endif
