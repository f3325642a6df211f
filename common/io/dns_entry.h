/*
 * dns_entry - one remembered answer in one block of memory.  Internal to
 * io/dns.
 *
 * Everything but the cache's own links is written before the entry is shared
 * and never after, so readers copy without a lock.
 *
 * Threads:  references are counted atomically; the links belong to the shard
 *           that holds the entry, under its lock.
 */
#ifndef GP_IO_DNS_ENTRY_H
#define GP_IO_DNS_ENTRY_H

#include "base/arena.h"
#include "core/dnsmsg.h"

#include <stdatomic.h>

struct gp_dns_entry {
	atomic_uint refs;
	/* links of the cache */
	struct gp_dns_entry *next_in_bucket;
	struct gp_dns_entry *newer;
	struct gp_dns_entry *older;
	bool in_old;
	/* the question */
	uint64_t hash;
	enum gp_dns_type type;
	const char *name; /* lower case */
	/* the answer */
	struct gp_dns_answer answer; /* rr is in this block */
	const char *alias;           /* NULL, or the name to ask for instead */
	size_t records_bytes;        /* records and their texts together */
	size_t bytes;                /* of the whole block */
	int64_t expires_us;
};

/*
 * gp_dns_entry_new - a copy of the question, answer and alias (may be NULL),
 * with one reference.  The time to live is capped at GP_DNS_TTL_MAX_S.
 */
struct gp_dns_entry *gp_dns_entry_new(const struct gp_dns_question *q,
    const struct gp_dns_answer *a, const char *alias, int64_t now_us);

struct gp_dns_entry *gp_dns_entry_ref(struct gp_dns_entry *e);
void gp_dns_entry_unref(struct gp_dns_entry *e); /* NULL is allowed */

/*
 * gp_dns_entry_read - the answer, its records copied into `arena`; ttl_s is
 * what is left of it at `now_us`.  Returns the name that must be asked for
 * instead when the answer is but an alias (it belongs to `e`), else NULL.
 */
const char *gp_dns_entry_read(const struct gp_dns_entry *e, int64_t now_us,
    struct gp_arena *arena, struct gp_dns_answer *out);

#endif
