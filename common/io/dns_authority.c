/* See dns_authority.h. */
#include "io/dns_authority.h"

#include "base/time.h"
#include "core/domain.h"
#include "io/clock.h"

#include <string.h>

#define PORT        53
#define TRIES       2
#define CACHE_BYTES 65536
#define ALIASES_MAX 8

/* -- the servers ----------------------------------------------------------- */

/* The end of its chain of aliases, as each server of the zone has it: a server
 * that is asked directly knows nothing of the target. */
static enum gp_rc
follow_aliases(struct gp_dns_scope *scope, const char *name, const char **out,
    struct gp_err *err)
{
	struct gp_dns_answer a;

	for (unsigned i = 0; i < ALIASES_MAX; i++) {
		enum gp_rc rc = gp_dns_query(scope, name, GP_DNS_CNAME, &a);

		if (rc == GP_TEMP)
			return gp_fail(err, GP_TEMP, "CNAME: %s", a.why);
		*out = name;
		if (rc != GP_OK)
			return GP_OK;
		name = a.rr[0].text.p;
	}
	return gp_fail(err, GP_NONE, "more than %d aliases", ALIASES_MAX);
}

static bool
is_known(const struct gp_dns_authorities *list, const char *address)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->v[i].address, address) == 0)
			return true;
	return false;
}

/* A host that has no address of a kind, or whose address DNS does not tell, is
 * left out: others may do. */
static void
add_addresses(struct gp_dns_scope *scope, const char *host,
    enum gp_dns_type type, struct gp_dns_authorities *out)
{
	struct gp_dns_answer a;
	char text[GP_IP_TEXT];

	if (gp_dns_query(scope, host, type, &a) != GP_OK)
		return;
	for (size_t i = 0; i < a.n && out->n < GP_DNS_AUTHORITIES_MAX; i++) {
		const char *address = gp_arena_printf(scope->arena,
		    type == GP_DNS_A ? "%s:%d" : "[%s]:%d",
		    gp_ip_format(&a.rr[i].ip, text), PORT);

		if (!is_known(out, address))
			out->v[out->n++] =
			    (struct gp_dns_authority){ .host = host,
				    .address = address };
	}
}

/* The zone is where the names above it have name servers. */
static enum gp_rc
find_zone(struct gp_dns_scope *scope, const char *name,
    struct gp_dns_answer *servers, const char **zone, struct gp_err *err)
{
	for (; name != NULL; name = gp_domain_parent(name)) {
		enum gp_rc rc = gp_dns_query(scope, name, GP_DNS_NS, servers);

		*zone = name;
		if (rc == GP_OK)
			return GP_OK;
		if (rc == GP_TEMP)
			return gp_fail(err, GP_TEMP, "NS of %s: %s", name,
			    servers->why);
	}
	return gp_fail(err, GP_NONE, "no zone above it has name servers");
}

enum gp_rc
gp_dns_authorities_find(struct gp_dns_scope *scope, const char *name,
    struct gp_dns_authorities *out, struct gp_err *err)
{
	struct gp_dns_answer servers = { .n = 0 };
	enum gp_rc rc = follow_aliases(scope, name, &out->name, err);

	out->n = 0;
	if (rc == GP_OK)
		rc = find_zone(scope, out->name, &servers, &out->zone, err);
	if (rc != GP_OK)
		return rc;
	out->v = gp_arena_alloc(scope->arena,
	    GP_DNS_AUTHORITIES_MAX * sizeof(*out->v));
	for (size_t i = 0; i < servers.n; i++) {
		add_addresses(scope, servers.rr[i].text.p, GP_DNS_A, out);
		add_addresses(scope, servers.rr[i].text.p, GP_DNS_AAAA, out);
	}
	if (out->n > 0)
		return GP_OK;
	return gp_fail(err, GP_NONE,
	    "the name servers of %s have no address that DNS tells", out->zone);
}

/* -- asking ---------------------------------------------------------------- */

/* One of those that are asked. */
struct asked {
	struct gp_dns_scope scope;
	struct gp_dns_held *held;
};

static void
start(struct asked *q, const char *server, const char *name, int64_t timeout_ms,
    struct gp_arena *arena)
{
	const struct gp_resolver_policy policy = {
		.servers = { 1, &server },
		.timeout_ms = timeout_ms,
		.tries = TRIES,
		.cache_bytes = CACHE_BYTES,
	};
	const int64_t most_us = (TRIES + 1) * timeout_ms * GP_US_PER_MS;

	q->scope = (struct gp_dns_scope){ .arena = arena,
		.deadline_us = gp_time_add(gp_clock_us(), most_us),
		.budget = ALIASES_MAX };
	if (gp_dns_open(&policy, NULL, &q->scope.dns, NULL) == GP_OK)
		gp_dns_prefetch(&q->scope, name, GP_DNS_TXT, &q->held);
}

static void
finish(struct asked *q, const char *name, struct gp_dns_answer *out)
{
	if (q->scope.dns == NULL) {
		*out = (struct gp_dns_answer){ .rc = GP_TEMP,
			.why = "can not ask it" };
		return;
	}
	q->scope.held = q->held;
	(void)gp_dns_query(&q->scope, name, GP_DNS_TXT, out);
	gp_dns_held_free(q->held);
	gp_dns_close(q->scope.dns);
}

void
gp_dns_ask_each(const char *const *servers, size_t n, const char *name,
    int64_t timeout_ms, struct gp_arena *arena, struct gp_dns_answer *answers)
{
	struct asked *v = gp_arena_alloc(arena, n * sizeof(*v));

	for (size_t i = 0; i < n; i++)
		start(&v[i], servers[i], name, timeout_ms, arena);
	for (size_t i = 0; i < n; i++)
		finish(&v[i], name, &answers[i]);
}
