/* See rate_gate.h. */
#include "mta/rate_gate.h"

#include "core/mailbox.h"
#include "core/rate_reply.h"
#include "core/senders.h"
#include "io/clock.h"
#include "io/log.h"
#include "io/random.h"
#include "mta/rate_own.h"
#include "mta/rate_warm.h"

#include <string.h>

/* Looking for providers may take so long, all recipients together. */
#define LOOKUP_MS INT64_C(5000)
/* The note of a refusal is kept for a week. */
#define NOTE_MS (INT64_C(7) * 86400 * 1000)
/* Transactional mail may exceed a day's cap of warm-up by a fifth. */
#define TRANSACTIONAL_MORE 5

/* What was charged for this message and may be given back. */
struct reservation {
	struct reservation *next;
	struct gp_rate_plan plan;
	struct gp_charged *made;
};

struct gp_rate_gate {
	struct gp_rate_own *own;
	struct gp_metrics *metrics;
	struct gp_arena *arena; /* of the message */
	bool whole;             /* one answer for the whole message */
	bool committed;
	struct gp_sender_facts facts;
	struct gp_rate_mail mail;
	const struct gp_policy *block; /* of the reverse-path's domain */
	struct gp_rate_rcpt *rcpts;    /* that count */
	size_t cap;
	struct gp_dns_held *held;
	struct reservation *reservations;
	struct reservation *refusals;       /* what was not charged */
	struct gp_senders_finding envelope; /* policy NULL: no objection */

	/* for the log */
	const char *over;  /* label of the limit that refused; NULL: none */
	const char *would; /* likewise, that was only watched; of the message */
	const char *why;   /* of `senders` */
	const char *ref;
	struct gp_origin rule;
	int64_t wait_ms;
};

/* -- beginning --------------------------------------------------------- */

static void
give_back(void *arg)
{
	struct gp_rate_gate *gate = arg;

	if (gate->committed)
		return;
	for (const struct reservation *r = gate->reservations; r != NULL;
	     r = r->next) {
		gp_store_refund(gate->own->store, r->plan.charges, r->plan.n,
		    r->made);
		gp_metrics_add(gate->metrics, GP_M_RATE_REFUNDS, 0, 1);
	}
}

static void
free_held(void *arg)
{
	const struct gp_rate_gate *gate = arg;

	gp_dns_held_free(gate->held);
}

/* Those that have a queue hear of each recipient. */
static bool
is_mta(const struct gp_msg *m)
{
	return m->login[0] == '\0' &&
	       (strcmp(m->direction_why, "trusted-client") == 0 ||
		   strcmp(m->direction_why, "certificate") == 0);
}

static void
check_envelope(struct gp_rate_gate *gate, const struct gp_msg *m)
{
	const struct gp_mailbox mailbox = { .local = m->sender.local,
		.domain = m->sender.domain,
		.is_literal = m->sender.is_literal };
	const struct gp_mailboxes one = { .n = 1, .v = &mailbox };

	if (m->sender.domain != NULL)
		gate->envelope = gp_senders_check(gate->mail.config, &one,
		    &gate->facts, gate->arena);
}

struct gp_rate_gate *
gp_rate_gate_begin(struct gp_msg *m)
{
	const struct gp_session *s = m->session;
	struct gp_rate_gate *gate;

	if (m->direction != GP_OUTBOUND)
		return NULL;
	if (m->sender.is_null && m->login[0] == '\0') {
		gp_metrics_add(s->app->metrics, GP_M_RATE_MESSAGES, 2, 1);
		return NULL;
	}
	gate = gp_arena_alloc(m->arena, sizeof(*gate));
	gate->own = s->env->own;
	gate->metrics = s->app->metrics;
	gate->arena = m->arena;
	gate->whole = !is_mta(m);
	gate->facts =
	    (struct gp_sender_facts){ m->login, s->connect.client, false };
	gate->block = gp_policy_for(s->env->config, m->sender.domain);
	gate->mail = (struct gp_rate_mail){ .config = s->env->config,
		.sender = { .login = gp_login_normalize(m->login, m->arena),
		    .address = gp_rate_address(&m->sender, m->arena),
		    .domain = m->sender.domain,
		    .client = s->connect.client } };
	check_envelope(gate, m);
	gp_arena_on_clear(m->arena, free_held, gate);
	gp_arena_on_clear(m->arena, give_back, gate);
	return gate;
}

/* -- providers and warm-up --------------------------------------------- */

static void
find_provider(struct gp_rate_gate *gate, struct gp_msg *m,
    struct gp_rate_rcpt *rcpt, const char *transport)
{
	const struct gp_globals *g = gp_config_globals(gate->mail.config);

	if (rcpt->provider != NULL)
		return;
	m->dns.held = gate->held;
	rcpt->provider = gp_providers_find(gate->own->providers, &g->providers,
	    &m->dns, transport, rcpt->domain, gp_clock_us());
}

/* Providers of all recipients, which were asked for as they came. */
static void
find_providers(struct gp_rate_gate *gate, struct gp_msg *m)
{
	gp_msg_deadline(m, LOOKUP_MS);
	for (size_t i = 0; i < gate->mail.n; i++)
		find_provider(gate, m, &gate->rcpts[i], NULL);
}

/* Who receives, as warm-up counts: each domain of "other" by itself. */
static const char *
receiver_of(const struct gp_rate_rcpt *rcpt, struct gp_arena *arena)
{
	if (strcmp(rcpt->provider, GP_PROVIDER_OTHER) != 0 ||
	    rcpt->domain == NULL)
		return rcpt->provider;
	return gp_arena_printf(arena, "%s:%s", rcpt->provider, rcpt->domain);
}

struct receiver {
	const char *name;
	const struct gp_warmup_policy *warmup;
	int64_t n; /* recipients */
};

/* Each receiver that is warmed up, once; at most one for each recipient. */
static size_t
count_receivers(const struct gp_rate_mail *mail, const struct gp_policy *block,
    struct receiver *v, struct gp_arena *arena)
{
	size_t n = 0;

	for (size_t i = 0; i < mail->n; i++) {
		const struct gp_rate_rcpt *rcpt = &mail->rcpts[i];
		const struct gp_warmup_policy *w =
		    gp_warmup_find(block, rcpt->provider);
		const char *name;
		size_t at = 0;

		if (w == NULL)
			continue;
		name = receiver_of(rcpt, arena);
		while (at < n && strcmp(v[at].name, name) != 0)
			at++;
		if (at == n)
			v[n++] = (struct receiver){ name, w, 0 };
		v[at].n++;
	}
	return n;
}

static void
add_warmup(struct gp_rate_gate *gate, struct gp_rate_plan *plan,
    const struct gp_rate_mail *mail, const struct gp_policy *block)
{
	struct receiver *v;
	int64_t day_ends_s;
	int64_t today;
	size_t n;

	if (block->n_warmups == 0 || mail->n == 0)
		return;
	today = gp_clock_day(gp_clock_wall_s(), &day_ends_s);
	v = gp_arena_alloc(gate->arena, mail->n * sizeof(*v));
	n = count_receivers(mail, block, v, gate->arena);
	for (size_t i = 0; i < n; i++) {
		struct gp_rate_warm warm = gp_rate_warm_find(gate->own->store,
		    block, v[i].warmup, v[i].name, today, gate->arena);

		if (block->mail_class == GP_CLASS_TRANSACTIONAL)
			warm.cap += warm.cap / TRANSACTIONAL_MORE;
		gp_rate_add_warmup(plan, &warm, v[i].n, gate->arena);
	}
}

/* -- charging ---------------------------------------------------------- */

/* A charge for the message as a whole that an earlier recipient made already
 * is not made again. */
static bool
is_reserved(const struct gp_rate_gate *gate, struct gp_str key)
{
	for (const struct reservation *r = gate->reservations; r != NULL;
	     r = r->next)
		for (size_t i = 0; i < r->plan.n; i++)
			if (gp_str_eq(r->plan.charges[i].key, key))
				return true;
	return false;
}

static void
drop_repeated(const struct gp_rate_gate *gate, struct gp_rate_plan *plan)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->n; i++) {
		const struct gp_limit_policy *limit = plan->items[i].limit;

		if (limit != NULL && limit->count == GP_COUNT_MESSAGES &&
		    is_reserved(gate, plan->charges[i].key))
			continue;
		plan->charges[n] = plan->charges[i];
		plan->items[n++] = plan->items[i];
	}
	plan->n = n;
}

/* From the beginning of the second that it is: the reply promises a time in
 * whole seconds, which must not come too early. */
static int64_t
wait_of(const struct gp_charged *made, int64_t now_ms)
{
	int64_t ends_s;

	if (made->wait_ms != GP_METER_NEVER)
		return made->wait_ms + now_ms % 1000;
	(void)gp_clock_day(now_ms / 1000, &ends_s);
	return (ends_s - now_ms / 1000) * 1000;
}

static const char *
new_ref(struct gp_arena *arena)
{
	uint8_t dice[GP_RATE_REF_LEN] = { 0 };
	char *ref = gp_arena_alloc(arena, GP_RATE_REF_LEN + 1);

	if (gp_random_bytes(dice, sizeof(dice)) != GP_OK)
		gp_log(GP_LOG_WARNING, "no random octets for a reference");
	gp_rate_ref_make(dice, ref);
	return ref;
}

static struct gp_verdict
refuse(struct gp_rate_gate *gate, const struct gp_rate_plan *plan,
    const struct gp_charged *made, bool at_rcpt)
{
	const struct gp_globals *g = gp_config_globals(gate->mail.config);
	const size_t worst = gp_rate_worst(plan, made);
	const int64_t now_ms = gp_clock_wall_ms();
	const struct gp_rate_refusal r = { .item = &plan->items[worst],
		.charge = &plan->charges[worst],
		.made = &made[worst],
		.wait_ms = wait_of(&made[worst], now_ms),
		.now_s = now_ms / 1000,
		.ref = new_ref(gate->arena),
		.contact = g->rate.contact,
		.at_rcpt = at_rcpt };
	struct gp_buf note;

	gate->over = gp_rate_label(r.item, gate->arena);
	gate->rule = r.item->origin;
	gate->ref = r.ref;
	gate->wait_ms = r.wait_ms;
	gp_metrics_add(gate->metrics, GP_M_RATE_OVER, gp_rate_kind_of(r.item),
	    1);
	gp_buf_init(&note, GP_STORE_NOTE_MAX);
	gp_rate_note(&r, &gate->mail.sender, &note);
	gp_store_put(gate->own->store,
	    gp_rate_refusal_key(gp_str(r.ref), gate->arena), gp_buf_str(&note),
	    NOTE_MS);
	gp_buf_clear(&note);
	return gp_rate_verdict(&r, gate->arena);
}

/* What is only watched and did not fit: the first is named in the log. */
static struct gp_verdict
note_watched(struct gp_rate_gate *gate, const struct gp_rate_plan *plan,
    const struct gp_charged *made)
{
	struct gp_verdict v = gp_continue();

	for (size_t i = 0; i < plan->n; i++) {
		const struct gp_rate_item *item = &plan->items[i];

		if (made[i].fits)
			continue;
		gp_metrics_add(gate->metrics, GP_M_RATE_WOULD,
		    gp_rate_kind_of(item), 1);
		if (gate->would == NULL)
			gate->would = gp_rate_label(item, gate->arena);
		if (!item->monitored || item->over == GP_OVER_LOG ||
		    v.monitored)
			continue;
		v.monitored = true;
		v.disposition = item->over == GP_OVER_REJECT ? GP_DO_REJECT
		                                             : GP_DO_TEMPFAIL;
	}
	return v;
}

static struct gp_verdict
charge(struct gp_rate_gate *gate, const struct gp_rate_plan *plan, bool at_rcpt)
{
	struct reservation *r;
	struct reservation **list;
	struct gp_charged *made;
	struct gp_verdict v;
	bool fits;

	if (plan->overflow) {
		v = gp_tempfail("4.5.3",
		    "too many recipients for the limits that are set; send "
		    "to fewer at once",
		    "limit");
		v.code = 452; /* RFC 5321, section 4.5.3.1.10 */
		return v;
	}
	if (plan->n == 0)
		return gp_continue();
	made = gp_arena_alloc(gate->arena, plan->n * sizeof(*made));
	fits = gp_store_charge(gate->own->store, plan->charges, plan->n,
		   made) == GP_OK;
	list = fits ? &gate->reservations : &gate->refusals;
	r = gp_arena_alloc(gate->arena, sizeof(*r));
	*r = (struct reservation){ *list, *plan, made };
	*list = r;
	return fits ? note_watched(gate, plan, made)
	            : refuse(gate, plan, made, at_rcpt);
}

static struct gp_verdict
refuse_sender(struct gp_rate_gate *gate,
    const struct gp_senders_finding *finding)
{
	if (finding->policy == NULL)
		return gp_continue();
	gate->why = finding->why;
	gate->rule = finding->policy->origin;
	if (finding->verdict.action != GP_CONTINUE)
		gp_metrics_add(gate->metrics, GP_M_RATE_OVER, GP_RATE_SENDERS,
		    1);
	return finding->verdict;
}

/* -- recipients -------------------------------------------------------- */

static struct gp_rate_rcpt *
keep_rcpt(struct gp_rate_gate *gate, const struct gp_addr *rcpt)
{
	struct gp_rate_rcpt *more;

	if (gate->mail.n == gate->cap) {
		gate->cap = gate->cap == 0 ? 8 : gate->cap * 2;
		more = gp_arena_alloc(gate->arena, gate->cap * sizeof(*more));
		if (gate->mail.n > 0)
			memcpy(more, gate->rcpts, gate->mail.n * sizeof(*more));
		gate->rcpts = more;
		gate->mail.rcpts = more;
	}
	more = &gate->rcpts[gate->mail.n++];
	*more =
	    (struct gp_rate_rcpt){ .local = rcpt->domain == NULL ? rcpt->raw
		                                                 : rcpt->local,
		    .domain = rcpt->domain };
	return more;
}

/* An application's recipients are charged at the end; who receives their mail
 * is asked for meanwhile. */
static void
ask_provider(struct gp_rate_gate *gate, struct gp_msg *m,
    struct gp_rate_rcpt *rcpt)
{
	const struct gp_globals *g = gp_config_globals(gate->mail.config);
	const struct gp_provider_policy *known;

	if (!gate->own->wants_provider)
		return;
	known = gp_provider_by_transport(&g->providers, m->transport);
	if (known != NULL)
		rcpt->provider = known->name;
	if (known != NULL || rcpt->domain == NULL)
		return;
	gp_msg_deadline(m, LOOKUP_MS);
	gp_providers_prefetch(gate->own->providers, &g->providers, &m->dns,
	    m->transport, rcpt->domain, &gate->held);
}

static struct gp_verdict
charge_rcpt(struct gp_rate_gate *gate, struct gp_msg *m,
    struct gp_rate_rcpt *rcpt)
{
	struct gp_rate_mail one = gate->mail;
	struct gp_rate_plan plan = { .n = 0 };
	struct gp_verdict v = refuse_sender(gate, &gate->envelope);

	if (v.action != GP_CONTINUE)
		return v;
	if (gp_rate_wants_provider(gate->block)) {
		gp_msg_deadline(m, LOOKUP_MS);
		find_provider(gate, m, rcpt, m->transport);
	}
	one.n = 1;
	one.rcpts = rcpt;
	one.counts[GP_COUNT_RECIPIENTS] = true;
	one.counts[GP_COUNT_MESSAGES] = true;
	one.counts[GP_COUNT_UNIQUE_RECIPIENTS] = true;
	if (gate->block->domain != NULL) {
		gp_rate_add_block(&plan, &one, gate->block, gate->arena);
		add_warmup(gate, &plan, &one, gate->block);
	}
	gp_rate_add_all(&plan, &one, gate->block, gate->arena);
	drop_repeated(gate, &plan);
	return charge(gate, &plan, true);
}

struct gp_verdict
gp_rate_gate_rcpt(struct gp_rate_gate *gate, struct gp_msg *m,
    const struct gp_addr *rcpt)
{
	const struct gp_globals *g = gp_config_globals(gate->mail.config);
	struct gp_rate_rcpt *kept;
	struct gp_verdict v = gp_continue();

	gate->over = gate->why = gate->ref = NULL;
	if (gp_rate_exempt(&g->rate, rcpt, m->transport))
		return v;
	kept = keep_rcpt(gate, rcpt);
	if (gate->whole)
		ask_provider(gate, m, kept);
	else
		v = charge_rcpt(gate, m, kept);
	if (v.action != GP_CONTINUE)
		gate->mail.n--;
	return v;
}

/* -- the message ------------------------------------------------------- */

/* What no recipient was charged for yet: all of it for an application; for
 * another MTA its size, and the block of the author where it is another. */
static void
plan_message(struct gp_rate_gate *gate, const struct gp_policy *author,
    struct gp_rate_plan *plan)
{
	const bool other = author->domain != NULL && author != gate->block;
	struct gp_rate_mail mail = gate->mail;
	bool everything[4] = { true, true, true, true };

	mail.counts[GP_COUNT_BYTES] = true;
	if (gate->whole)
		memcpy(mail.counts, everything, sizeof(everything));
	if (gate->block->domain != NULL)
		gp_rate_add_block(plan, &mail, gate->block, gate->arena);
	if (gate->block->domain != NULL && gate->whole)
		add_warmup(gate, plan, &mail, gate->block);
	gp_rate_add_all(plan, &mail, other ? author : gate->block, gate->arena);
	if (!other)
		return;
	memcpy(mail.counts, everything, sizeof(everything));
	gp_rate_add_block(plan, &mail, author, gate->arena);
	add_warmup(gate, plan, &mail, author);
}

static struct gp_verdict
check_senders(struct gp_rate_gate *gate, const struct gp_author *author)
{
	const struct gp_senders_finding from =
	    gp_senders_check(gate->mail.config, &author->all, &gate->facts,
		gate->arena);
	struct gp_verdict v = refuse_sender(gate, &from);

	if (v.action == GP_CONTINUE)
		v = refuse_sender(gate, &gate->envelope);
	return v;
}

struct gp_verdict
gp_rate_gate_end(struct gp_rate_gate *gate, struct gp_msg *m,
    const struct gp_header *header, int64_t bytes)
{
	const struct gp_policy *block;
	struct gp_rate_plan plan = { .n = 0 };
	struct gp_author author;
	struct gp_verdict v;

	gate->over = gate->why = gate->ref = NULL;
	if (gp_author_find(header, gate->arena, &author, NULL) != GP_OK)
		author.domain = NULL;
	v = check_senders(gate, &author);
	if (v.action == GP_CONTINUE) {
		block = gp_policy_for(gate->mail.config, author.domain);
		if (gp_rate_wants_provider(block) ||
		    gp_rate_wants_provider(gate->block))
			find_providers(gate, m);
		gate->mail.bytes = bytes;
		plan_message(gate, block, &plan);
		v = charge(gate, &plan, false);
	}
	gate->committed = v.action == GP_CONTINUE;
	gp_metrics_add(gate->metrics, GP_M_RATE_MESSAGES, !gate->committed, 1);
	return v;
}

/* -- what was asked of the store --------------------------------------- */

/* From the last one back: the list has it in front. */
static void
show_charges(const struct reservation *r, gp_rate_seen_fn fn, void *arg)
{
	for (; r != NULL; r = r->next)
		for (size_t i = 0; i < r->plan.n; i++)
			fn(arg, &r->plan.items[i], &r->plan.charges[i],
			    &r->made[i]);
}

void
gp_rate_gate_seen(const struct gp_rate_gate *gate, gp_rate_seen_fn fn,
    void *arg)
{
	show_charges(gate->reservations, fn, arg);
	show_charges(gate->refusals, fn, arg);
}

const char *
gp_rate_gate_senders(const struct gp_rate_gate *gate, struct gp_origin *rule)
{
	*rule = gate->rule;
	return gate->why;
}

/* -- the log ----------------------------------------------------------- */

void
gp_rate_gate_describe(const struct gp_rate_gate *gate, struct gp_logline *line)
{
	struct gp_buf rule;

	if (gate->over != NULL) {
		gp_logline_adds(line, "limit", gate->over);
		gp_logline_addu(line, "wait-s",
		    (uint64_t)(gate->wait_ms + 999) / 1000);
		gp_logline_adds(line, "ref", gate->ref);
	}
	if (gate->would != NULL)
		gp_logline_adds(line, "over", gate->would);
	if (gate->why != NULL)
		gp_logline_adds(line, "senders", gate->why);
	if (gate->rule.file != NULL &&
	    (gate->over != NULL || gate->why != NULL)) {
		gp_buf_init(&rule, GP_LOG_VALUE_MAX);
		gp_buf_addf(&rule, "%s:%u", gate->rule.file, gate->rule.line);
		gp_logline_adds(line, "rule", gp_buf_cstr(&rule));
		gp_buf_clear(&rule);
	}
	if (gate->mail.sender.login[0] != '\0')
		gp_logline_adds(line, "login", gate->mail.sender.login);
	gp_logline_addu(line, "recipients", gate->mail.n);
}
