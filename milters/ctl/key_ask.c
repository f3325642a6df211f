/* See key_ask.h. */
#include "ctl/key_ask.h"

#include "base/time.h"
#include "core/policy_form.h"
#include "ctl/dns.h"
#include "io/clock.h"

#include <string.h>

#define FIND_MS 20000 /* to find the name servers */
#define ASK_MS  3000  /* one try at one of them */
#define BUDGET  200

static void
close_dns(void *dns)
{
	gp_dns_close(dns);
}

int
ctl_key_resolver(struct ctl_key_call *call, struct gp_dns **out)
{
	int code = ctl_dns_open(call->args, call->config, out);

	if (code == 0)
		gp_arena_on_clear(call->arena, close_dns, *out);
	return code;
}

static struct gp_dns_scope
scope_of(struct ctl_key_call *call, struct gp_dns *dns, int64_t ms)
{
	return (struct gp_dns_scope){ .dns = dns,
		.arena = call->arena,
		.deadline_us = gp_time_add(gp_clock_us(), ms * GP_US_PER_MS),
		.budget = BUDGET };
}

void
ctl_key_ask(struct ctl_key_call *call, struct gp_dns *dns, const char *domain,
    const struct gp_key_policy *key, const struct gp_dkim_public *public,
    struct gp_dkim_published *out)
{
	struct gp_dns_scope scope = scope_of(call, dns, 2 * (int64_t)ASK_MS);
	struct gp_dns_answer answer;
	char name[GP_DKIM_RECORD_NAME];

	(void)gp_dns_query(&scope,
	    gp_dkim_record_name(key->selector, domain, name), GP_DNS_TXT,
	    &answer);
	gp_dkim_record_compare(public, &answer, out);
}

/* -- the servers ----------------------------------------------------------- */

static void
add(struct ctl_key_servers *s, const char *name, const char *address)
{
	struct ctl_key_server *one = &s->v[s->n++];

	*one = (struct ctl_key_server){ .name = name,
		.address = address,
		.counts = true };
	one->published.verdict = GP_DKIM_PUBLISHED_UNKNOWN;
}

/* "HOST:PORT,HOST:PORT" */
static int
take_list(struct ctl_key_call *call, const char *word,
    struct ctl_key_servers *out)
{
	struct gp_str rest = gp_str(word);

	while (rest.p != NULL) {
		struct gp_str one = gp_str_split(&rest, ',');

		if (!gp_form_server(one) || out->n == GP_DNS_AUTHORITIES_MAX)
			return ctl_usage("--servers: %.*s: expected at most %d"
					 " of ADDRESS, ADDRESS:PORT or"
					 " [IPv6]:PORT with commas between"
					 " them",
			    GP_STR_ARG(one), GP_DNS_AUTHORITIES_MAX);
		add(out, "", gp_arena_strndup(call->arena, one.p, one.n));
	}
	return 0;
}

static int
find(struct ctl_key_call *call, struct gp_dns *dns, struct ctl_key_servers *out)
{
	struct gp_dns_scope scope = scope_of(call, dns, FIND_MS);
	struct gp_dns_authorities list;
	struct gp_err err;
	enum gp_rc rc =
	    gp_dns_authorities_find(&scope, out->record, &list, &err);

	if (rc != GP_OK)
		return ctl_fail(ctl_key_code(rc), "%s: %s", out->record,
		    err.msg);
	out->record = list.name;
	for (size_t i = 0; i < list.n; i++)
		add(out, list.v[i].host, list.v[i].address);
	return 0;
}

int
ctl_key_servers(struct ctl_key_call *call, const struct gp_key_policy *key,
    struct ctl_key_servers *out)
{
	const char *list = ctl_option(call->args, "--servers");
	const char *zone = ctl_option(call->args, "--zone");
	struct gp_dns *dns;
	int code;

	*out = (struct ctl_key_servers){ .n = 0 };
	out->record = gp_dkim_record_name(key->selector, call->domain,
	    gp_arena_alloc(call->arena, GP_DKIM_RECORD_NAME));
	out->v = gp_arena_alloc(call->arena,
	    GP_DNS_AUTHORITIES_MAX * sizeof(*out->v));
	if (list != NULL)
		return take_list(call, list, out);
	code = ctl_key_resolver(call, &dns);
	if (code != 0)
		return code;
	if (zone == NULL)
		return find(call, dns, out);
	out->zone = dns;
	add(out, "", zone);
	return 0;
}

/* -- their answers --------------------------------------------------------- */

/* An address that is not reached from here, as IPv6 may be, says nothing when
 * the same server answers at another one. */
static bool
answers_elsewhere(const struct ctl_key_servers *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (name[0] != '\0' && strcmp(s->v[i].name, name) == 0 &&
		    s->v[i].published.verdict != GP_DKIM_PUBLISHED_UNKNOWN)
			return true;
	return false;
}

void
ctl_key_ask_all(struct ctl_key_call *call, const struct gp_dkim_public *public,
    struct ctl_key_servers *s)
{
	const char *addresses[GP_DNS_AUTHORITIES_MAX];
	struct gp_dns_answer answers[GP_DNS_AUTHORITIES_MAX];
	struct gp_dns_scope scope = scope_of(call, s->zone, ASK_MS);

	for (size_t i = 0; i < s->n; i++)
		addresses[i] = s->v[i].address;
	if (s->zone != NULL)
		(void)gp_dns_query(&scope, s->record, GP_DNS_TXT, &answers[0]);
	else
		gp_dns_ask_each(addresses, s->n, s->record, ASK_MS, call->arena,
		    answers);
	for (size_t i = 0; i < s->n; i++)
		gp_dkim_record_compare(public, &answers[i], &s->v[i].published);
	for (size_t i = 0; i < s->n; i++)
		s->v[i].counts =
		    s->v[i].published.verdict != GP_DKIM_PUBLISHED_UNKNOWN ||
		    !answers_elsewhere(s, s->v[i].name);
}

bool
ctl_key_everywhere(const struct ctl_key_servers *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].counts &&
		    !gp_dkim_published_works(&s->v[i].published))
			return false;
	return true;
}

bool
ctl_key_told(const struct ctl_key_servers *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].counts &&
		    s->v[i].published.verdict == GP_DKIM_PUBLISHED_UNKNOWN)
			return false;
	return true;
}
