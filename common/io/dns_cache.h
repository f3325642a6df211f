/*
 * dns_cache - remembered answers, and the questions that are under way.
 * Internal to io/dns.
 *
 * Both lie in the same shard under the same lock, so a question is either
 * remembered, or under way, or new, never two of them, and equal questions
 * make one query.
 *
 * Eviction has two generations.  An answer enters the young one and moves to
 * the old one when it is asked for again; the young go first.  So a flood of
 * names that are asked once does not wash out the names of daily mail.
 *
 * Blocking: gp_dns_flight_wait, until its deadline.
 * Threads:  any.
 */
#ifndef GP_IO_DNS_CACHE_H
#define GP_IO_DNS_CACHE_H

#include "io/dns_backend.h"
#include "io/dns_entry.h"

struct gp_dns_cache;

enum gp_dns_found {
	GP_DNS_HIT,    /* *entry is a reference */
	GP_DNS_SHARED, /* *flight is under way; wait for it */
	GP_DNS_MISS,   /* *flight is new: start it, then wait for it */
	GP_DNS_LATE,   /* new, but the deadline has passed */
	GP_DNS_FULL,   /* too many questions are under way */
};

/* gp_dns_cache_new - of at most `max_bytes` (0 or less: keep nothing). */
struct gp_dns_cache *
gp_dns_cache_new(int64_t max_bytes, struct gp_metrics *metrics);

/* gp_dns_cache_free - no flight may be under way. */
void gp_dns_cache_free(struct gp_dns_cache *c);

/* gp_dns_cache_find - what is known about `q`?  The name is valid and in
 * lower case; `deadline_us` is by gp_clock_us(). */
enum gp_dns_found gp_dns_cache_find(struct gp_dns_cache *c,
    const struct gp_dns_question *q, int64_t deadline_us,
    struct gp_dns_entry **entry, struct gp_dns_flight **flight);

/*
 * gp_dns_flight_wait - wait until the flight is finished, and give up the
 * caller's hold on it.  A reference to the answer; NULL when `deadline_us`
 * (gp_clock_us) passed first.
 */
struct gp_dns_entry *
gp_dns_flight_wait(struct gp_dns_flight *f, int64_t deadline_us);

/* gp_dns_flight_leave - give up the caller's hold and wait for nothing. */
void gp_dns_flight_leave(struct gp_dns_flight *f);

#endif
