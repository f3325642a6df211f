/* See rate_reply.h. */
#include "core/rate_reply.h"

#include "core/logfmt.h"
#include "core/policy_form.h"

#include <stdio.h>
#include <string.h>

#define DAY_S    INT64_C(86400)
#define UTC_TEXT 32

/* Without 0, O, 1 and I. */
static const char ref_letters[] = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

void
gp_rate_ref_make(const uint8_t random[GP_RATE_REF_LEN],
    char out[GP_RATE_REF_LEN + 1])
{
	for (size_t i = 0; i < GP_RATE_REF_LEN; i++)
		out[i] = ref_letters[random[i] & 31];
	out[GP_RATE_REF_LEN] = '\0';
}

bool
gp_rate_ref_valid(struct gp_str ref)
{
	if (ref.n != GP_RATE_REF_LEN)
		return false;
	for (size_t i = 0; i < ref.n; i++) {
		char c = ref.p[i];

		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		if (c == '\0' || strchr(ref_letters, c) == NULL)
			return false;
	}
	return true;
}

/* -- words ------------------------------------------------------------- */

/* "2026-11-22T12:41:00Z" of seconds since 1970. */
static const char *
utc_text(int64_t s, char out[UTC_TEXT])
{
	const unsigned of_day = (unsigned)(s % DAY_S);
	struct gp_buf b;

	gp_buf_init(&b, UTC_TEXT);
	gp_form_write_date(s - of_day, &b); /* in quotes */
	(void)snprintf(out, UTC_TEXT, "%.10sT%02u:%02u:%02uZ",
	    gp_buf_cstr(&b) + 1, of_day / 3600, of_day / 60 % 60, of_day % 60);
	gp_buf_clear(&b);
	return out;
}

/* "60/5m" as in the policy file, without its quotes. */
static const char *
rate_text(const struct gp_rate *rate, struct gp_arena *arena)
{
	struct gp_buf b;
	char *text;

	gp_buf_init(&b, 64);
	gp_form_write_rate(rate, &b);
	text = gp_arena_strndup(arena, b.p + 1, b.n - 2);
	gp_buf_clear(&b);
	return text;
}

static const char *
what_is_counted(enum gp_limit_count count)
{
	static const char *const words[] = {
		[GP_COUNT_RECIPIENTS] = "recipient",
		[GP_COUNT_MESSAGES] = "message",
		[GP_COUNT_BYTES] = "byte",
		[GP_COUNT_UNIQUE_RECIPIENTS] = "unique recipient",
	};

	return words[count];
}

const char *
gp_rate_label(const struct gp_rate_item *item, struct gp_arena *arena)
{
	if (item->limit == NULL)
		return gp_arena_printf(arena, "warmup %s %s", item->block,
		    item->provider);
	return gp_arena_printf(arena, "%s/%s %s", item->block,
	    item->limit->name, rate_text(item->window, arena));
}

/* -- the reply --------------------------------------------------------- */

/* "google"; of "other:example.org" what the sender knows. */
static const char *
receiver(const struct gp_rate_item *item)
{
	const char *colon = strchr(item->provider, ':');

	return colon == NULL ? item->provider : colon + 1;
}

static const char *
what_happened(const struct gp_rate_item *item, struct gp_arena *arena)
{
	if (item->limit == NULL)
		return gp_arena_printf(arena,
		    "delivery to %s is being slowed while %s warms up (%lld "
		    "recipients today)",
		    receiver(item), item->block, (long long)item->cap);
	return gp_arena_printf(arena, "%s rate exceeded (%s, limit %s)",
	    what_is_counted(item->limit->count), rate_text(item->window, arena),
	    item->limit->name);
}

static int64_t
wait_s(const struct gp_rate_refusal *r)
{
	return r->wait_ms / 1000 + (r->wait_ms % 1000 > 0);
}

static const char *
until(const struct gp_rate_refusal *r, struct gp_arena *arena)
{
	char utc[UTC_TEXT];

	return gp_arena_printf(arena, "retry after %s (%lld s)",
	    utc_text(r->now_s + wait_s(r), utc), (long long)wait_s(r));
}

struct gp_verdict
gp_rate_verdict(const struct gp_rate_refusal *r, struct gp_arena *arena)
{
	const struct gp_rate_item *item = r->item;
	const bool warmup = item->limit == NULL;
	const char *what = what_happened(item, arena);
	const char *contact =
	    r->contact == NULL
		? ""
		: gp_arena_printf(arena, "; contact %s", r->contact);
	const char *why =
	    warmup ? gp_arena_printf(arena, "warmup.%s", item->provider)
		   : gp_arena_printf(arena, "limit.%s", item->limit->name);
	struct gp_verdict v;

	if (item->over == GP_OVER_REJECT) {
		v = gp_reject("5.7.1",
		    gp_arena_printf(arena, "%s%s [%s]", what, contact, r->ref),
		    why);
		v.disposition = GP_DO_REJECT;
		return v;
	}
	v = gp_tempfail(warmup ? "4.3.2" : "4.7.1",
	    gp_arena_printf(arena, "%s; %s%s [%s]", what, until(r, arena),
		contact, r->ref),
	    why);
	v.disposition = GP_DO_TEMPFAIL;
	if (r->at_rcpt)
		v.code = 450;
	return v;
}

/* -- the note ---------------------------------------------------------- */

static void
note_place(const struct gp_rate_item *item, struct gp_buf *out)
{
	if (item->origin.file == NULL)
		gp_buf_adds(out, "rule built-in (rate.login-limit)\n");
	else
		gp_buf_addf(out, "rule %s:%u\n", item->origin.file,
		    item->origin.line);
}

/* A value from the sender, as the log writes it. */
static void
note_value(struct gp_buf *out, const char *name, const char *value)
{
	char text[GP_LOG_VALUE_MAX + 1];

	gp_buf_addf(out, "%s %s\n", name,
	    gp_log_escape(gp_str(value), text, sizeof(text)));
}

void
gp_rate_note(const struct gp_rate_refusal *r,
    const struct gp_rate_sender *sender, struct gp_buf *out)
{
	const struct gp_rate_item *item = r->item;
	char utc[UTC_TEXT];
	char ip[GP_IP_TEXT];

	gp_buf_addf(out, "reference %s\nat %s\n", r->ref,
	    utc_text(r->now_s, utc));
	if (item->limit != NULL)
		gp_buf_addf(out, "limit %s of %s\ncounts %s\n",
		    item->limit->name, item->block,
		    what_is_counted(item->limit->count));
	else
		gp_buf_addf(out, "warmup %s to %s\ncap_today %lld\n",
		    item->block, item->provider, (long long)item->cap);
	note_place(item, out);
	gp_buf_addf(out, "meter %.*s\n", GP_STR_ARG(r->charge->key));
	gp_buf_addf(out, "level %.1f of %.0f, %.6g a second, share %.0f %%\n",
	    r->made->level, r->charge->rule.capacity, r->charge->rule.rate,
	    r->charge->rule.share * 100);
	gp_buf_addf(out, "asked_for %.0f\nwait_s %lld\n", r->charge->cost,
	    (long long)wait_s(r));
	gp_buf_addf(out, "retry_after %s\n",
	    utc_text(r->now_s + wait_s(r), utc));
	gp_buf_addf(out, "client %s\n", gp_ip_format(&sender->client, ip));
	note_value(out, "login", sender->login);
	note_value(out, "sender", sender->address);
}
