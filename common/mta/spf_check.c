/* See spf_check.h. */
#include "mta/spf_check.h"

#include "core/logfmt.h"
#include "io/clock.h"
#include "io/log.h"

void
gp_spf_builtin(const struct gp_spf_query *q, struct gp_dns_scope *scope,
    struct gp_spf_outcome *out)
{
	struct gp_spf_eval *e = gp_spf_eval_new(scope->arena, q);
	struct gp_dns_question question;
	struct gp_dns_answer answer;

	while (gp_spf_next(e, &question)) {
		if (gp_clock_us() >= scope->deadline_us) {
			gp_spf_abandon(e);
			break;
		}
		gp_dns_query(scope, question.name, question.type, &answer);
		gp_spf_feed(e, &answer);
	}
	*out = *gp_spf_outcome(e);
}

static void
log_difference(const struct gp_spf_query *q, const struct gp_spf_identity *id,
    const struct gp_spf_outcome *acted, const struct gp_spf_outcome *second)
{
	char client[GP_IP_TEXT];
	struct gp_logline line;

	gp_logline_start(&line, gp_str(""));
	gp_logline_adds(&line, "spf-engines", "differ");
	gp_logline_adds(&line, "builtin", gp_spf_result_name(acted->result));
	gp_logline_adds(&line, "libspf2", gp_spf_result_name(second->result));
	gp_logline_adds(&line, "identity", id->is_helo ? "helo" : "mailfrom");
	gp_logline_adds(&line, "domain", q->domain);
	gp_logline_adds(&line, "client", gp_ip_format(&q->client, client));
	gp_logline_add(&line, "local", q->local);
	gp_logline_adds(&line, "helo", q->helo);
	gp_logline_adds(&line, "builtin-reason", acted->reason);
	gp_logline_adds(&line, "libspf2-reason", second->reason);
	gp_log(GP_LOG_WARNING, "%s", line.text);
}

/*
 * The second opinion must cost the message neither its questions nor the time
 * that its other identity may need: it gets a budget of its own and half of
 * the time that is left.  Nearly all of its answers are remembered by now.
 * Trouble with the DNS is no difference between engines.
 */
static void
compare(const struct gp_spf_checker *c, const struct gp_spf_query *q,
    struct gp_dns_scope *scope, const struct gp_spf_identity *id,
    const struct gp_spf_outcome *acted)
{
	const int64_t deadline_us = scope->deadline_us;
	const int64_t now_us = gp_clock_us();
	const unsigned budget = scope->budget;
	struct gp_spf_outcome second;
	bool in_time;

	if (now_us >= deadline_us || acted->result == GP_SPF_TEMPERROR)
		return;
	scope->deadline_us = now_us + (deadline_us - now_us) / 2;
	scope->budget = GP_SPF_QUERIES_MAX;
	gp_spf_libspf2(q, scope, &second);
	in_time = gp_clock_us() < scope->deadline_us;
	scope->deadline_us = deadline_us;
	scope->budget = budget;
	if (second.result == acted->result || !in_time)
		return;
	gp_metrics_add(c->metrics, GP_M_SPF_DIFFERENCES, 0, 1);
	log_difference(q, id, acted, &second);
}

static void
evaluate(const struct gp_spf_checker *c, const struct gp_spf_query *q,
    struct gp_dns_scope *scope, const struct gp_spf_identity *id,
    struct gp_spf_outcome *out)
{
	switch (c->how->engine) {
	case GP_SECOND:
		gp_spf_libspf2(q, scope, out);
		break;
	case GP_COMPARE:
		gp_spf_builtin(q, scope, out);
		compare(c, q, scope, id, out);
		break;
	case GP_BUILTIN:
	default:
		gp_spf_builtin(q, scope, out);
		break;
	}
}

/*
 * Evaluate with at most `*queries_left` questions on their way to a server,
 * aliases that have to be followed among them; lowers it by what was used.
 */
static void
evaluate_within(const struct gp_spf_checker *c, const struct gp_spf_query *q,
    struct gp_dns_scope *scope, const struct gp_spf_identity *id,
    struct gp_spf_outcome *out, unsigned *queries_left)
{
	const unsigned before = scope->budget;
	const unsigned allowed =
	    before < *queries_left ? before : *queries_left;
	unsigned used;

	scope->budget = allowed;
	evaluate(c, q, scope, id, out);
	used = allowed - scope->budget;
	scope->budget = before - used;
	*queries_left -= used;
}

/* Why there is nothing to ask; NULL: ask. */
static const char *
unaskable(const struct gp_ip *client, const struct gp_spf_identity *id)
{
	if (!id->askable)
		return id->reason;
	if (client->family == GP_IP_UNKNOWN)
		return "the client's address is not known";
	return NULL;
}

struct gp_spf_check_result
gp_spf_check(const struct gp_spf_checker *c, struct gp_dns_scope *scope,
    const struct gp_ip *client, const char *helo,
    const struct gp_spf_identity *id, unsigned *queries_left)
{
	const enum gp_metric counter =
	    id->is_helo ? GP_M_SPF_HELO_RESULTS : GP_M_SPF_RESULTS;
	struct gp_spf_outcome out = { .result = GP_SPF_NONE };
	const int64_t start_us = gp_clock_us();

	out.reason = unaskable(client, id);
	if (out.reason == NULL && *queries_left == 0) {
		out.result = GP_SPF_TEMPERROR;
		out.reason = "no DNS question is left for this message";
	} else if (out.reason == NULL) {
		const struct gp_spf_query q = { .client = *client,
			.local = id->local,
			.domain = id->domain,
			.helo = helo,
			.receiver = c->receiver,
			.now_s = gp_clock_wall_s(),
			.max_terms = c->how->max_terms,
			.max_voids = c->how->max_voids,
			.max_queries = *queries_left };

		evaluate_within(c, &q, scope, id, &out, queries_left);
		gp_metrics_observe(c->metrics, GP_M_SPF_SECONDS,
		    gp_clock_us() - start_us);
	}
	gp_metrics_add(c->metrics, counter, (unsigned)out.result, 1);
	return (struct gp_spf_check_result){ .result = out.result,
		.domain = id->domain,
		.reason = gp_arena_strdup(c->arena, out.reason),
		.explanation =
		    out.explanation == NULL
			? NULL
			: gp_arena_strdup(c->arena, out.explanation) };
}
