/* See rate.h. */
#include "core/rate.h"

#include "core/domain.h"
#include "core/provider.h"
#include "core/rate_name.h"

#include <string.h>

#define MINUTE_MS INT64_C(60000)
#define DAY_MS    INT64_C(86400000)

/* Of a meter that several senders feed, so much is there for each class. */
#define NORMAL_SHARE 0.9
#define BULK_SHARE   0.8

/* -- addresses --------------------------------------------------------- */

const char *
gp_rate_address(const struct gp_addr *sender, struct gp_arena *arena)
{
	size_t n = sender->local.n;
	char *out;

	if (sender->is_null)
		return "<>";
	if (sender->domain == NULL) { /* it can not be read */
		out = gp_arena_strndup(arena, sender->raw.p, sender->raw.n);
	} else {
		for (size_t i = 1; i < sender->local.n && n == sender->local.n;
		     i++)
			if (sender->local.p[i] == '+')
				n = i;
		out = gp_arena_printf(arena, "%.*s@%s", (int)n, sender->local.p,
		    sender->domain);
	}
	for (char *p = out; *p != '\0'; p++)
		*p = gp_lower(*p);
	return out;
}

static bool
is_listed(const struct gp_strings *list, const char *word)
{
	for (size_t i = 0; word != NULL && i < list->n; i++)
		if (strcmp(list->v[i], word) == 0)
			return true;
	return false;
}

static bool
is_internal(const struct gp_strings *domains, const char *domain)
{
	for (size_t i = 0; domain != NULL && i < domains->n; i++)
		if (gp_domain_matches(domain, domains->v[i]))
			return true;
	return false;
}

bool
gp_rate_exempt(const struct gp_rate_policy *how, const struct gp_addr *rcpt,
    const char *transport)
{
	return gp_str_eq_nocase(rcpt->local, GP_STR("postmaster")) ||
	       gp_str_eq_nocase(rcpt->local, GP_STR("abuse")) ||
	       is_listed(&how->internal_transports, transport) ||
	       is_internal(&how->internal, rcpt->domain);
}

/* -- which limits apply ------------------------------------------------ */

static bool
has_key(const struct gp_limit_policy *limit, enum gp_limit_key key)
{
	for (size_t i = 0; i < limit->by.n; i++)
		if (limit->by.v[i] == key)
			return true;
	return false;
}

static bool
any_by_provider(const struct gp_limit_policy *limits, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (has_key(&limits[i], GP_BY_PROVIDER))
			return true;
	return false;
}

bool
gp_rate_wants_provider(const struct gp_policy *block)
{
	const struct gp_limits *all = &gp_config_globals(block->config)->limits;

	return block->n_warmups > 0 ||
	       any_by_provider(block->limits, block->n_limits) ||
	       any_by_provider(all->v, all->n);
}

/* -- one limit --------------------------------------------------------- */

/* What all charges of one limit have in common. */
struct limit_job {
	struct gp_rate_plan *plan;
	const struct gp_rate_mail *mail;
	const struct gp_limit_policy *limit;
	const char *scope;  /* BLOCK of the meter's name */
	const char *domain; /* for the key `domain`; NULL: none */
	double share;
	struct gp_arena *arena;
};

static void
add_key_name(struct gp_buf *b, const char *name, struct gp_str value)
{
	if (b->n > 0 && b->p[b->n - 1] != '/')
		gp_buf_addc(b, ',');
	gp_buf_addf(b, "%s=", name);
	gp_rate_name_add(b, value);
}

/* The client, IPv6 by its /64: one host has all of that. */
static void
add_client(struct gp_buf *b, const struct gp_ip *client)
{
	struct gp_ip ip = *client;
	char text[GP_IP_TEXT];

	if (ip.family == GP_IP_V6)
		memset(ip.b + 8, 0, 8);
	add_key_name(b, "client", gp_str(gp_ip_format(&ip, text)));
}

/* Domains of "other" are different receivers: each by itself. */
static void
add_provider(struct gp_buf *b, const struct gp_rate_rcpt *rcpt)
{
	add_key_name(b, "provider", gp_str(rcpt->provider));
	if (strcmp(rcpt->provider, GP_PROVIDER_OTHER) == 0 &&
	    rcpt->domain != NULL)
		add_key_name(b, "rcpt-domain", gp_str(rcpt->domain));
}

static bool
add_rcpt_domain(struct gp_buf *b, const struct gp_rate_rcpt *rcpt)
{
	if (rcpt->domain == NULL)
		return false;
	add_key_name(b, "rcpt-domain", gp_str(rcpt->domain));
	return true;
}

static bool
add_domain(struct gp_buf *b, const struct limit_job *job)
{
	if (job->domain == NULL)
		return false;
	add_key_name(b, "domain", gp_str(job->domain));
	return true;
}

static bool
add_auth(struct gp_buf *b, const struct limit_job *job)
{
	if (job->mail->sender.login[0] == '\0')
		return false;
	add_key_name(b, "auth", gp_str(job->mail->sender.login));
	return true;
}

/* False: the message has no such key, so the limit is not about it. */
static bool
add_key(struct gp_buf *b, const struct limit_job *job, enum gp_limit_key key,
    const struct gp_rate_rcpt *rcpt)
{
	switch (key) {
	case GP_BY_DOMAIN:
		return add_domain(b, job);
	case GP_BY_AUTH:
		return add_auth(b, job);
	case GP_BY_SENDER:
		add_key_name(b, "sender", gp_str(job->mail->sender.address));
		return true;
	case GP_BY_CLIENT:
		add_client(b, &job->mail->sender.client);
		return job->mail->sender.client.family != GP_IP_UNKNOWN;
	case GP_BY_RCPT_DOMAIN:
		return add_rcpt_domain(b, rcpt);
	case GP_BY_PROVIDER:
		if (rcpt->provider != NULL)
			add_provider(b, rcpt);
		return rcpt->provider != NULL;
	case GP_BY_ALL:
		break;
	}
	gp_buf_adds(b, "all");
	return true;
}

/* The meter's name, or that of a mark when `kind` is 'u'; p is NULL where a
 * key is missing. */
static struct gp_str
name_of(const struct limit_job *job, char kind, const struct gp_rate *window,
    const struct gp_rate_rcpt *rcpt)
{
	struct gp_buf b;

	gp_rate_name_begin(&b, kind, job->scope);
	gp_buf_addf(&b, "%s/%lld/", job->limit->name,
	    (long long)(window->period_ms / 1000));
	for (size_t i = 0; i < job->limit->by.n; i++) {
		if (add_key(&b, job, job->limit->by.v[i], rcpt))
			continue;
		gp_buf_clear(&b);
		return gp_str_n(NULL, 0);
	}
	if (kind == 'u') {
		struct gp_buf address;
		char hash[GP_RATE_HASH_TEXT];

		gp_buf_init(&address, (size_t)GP_PATH_MAX * 2);
		for (size_t i = 0; i < rcpt->local.n; i++)
			gp_buf_addc(&address, gp_lower(rcpt->local.p[i]));
		gp_buf_addf(&address, "@%s",
		    rcpt->domain == NULL ? "" : rcpt->domain);
		gp_rate_name_hash(gp_buf_str(&address), hash);
		gp_buf_addf(&b, "/%s", hash);
		gp_buf_clear(&address);
	}
	return gp_rate_name_take(&b, job->arena);
}

static int64_t
shortest_ms(const struct gp_rates *rates)
{
	int64_t least = rates->v[0].period_ms;

	for (size_t i = 1; i < rates->n; i++)
		if (rates->v[i].period_ms < least)
			least = rates->v[i].period_ms;
	return least;
}

/* `burst` is about what comes at once: the shortest window's business. */
static struct gp_meter_rule
rule_of(const struct limit_job *job, const struct gp_rate *window)
{
	const struct gp_limit_policy *limit = job->limit;
	bool burst =
	    limit->burst > 0 && window->period_ms == shortest_ms(&limit->rate);

	return (struct gp_meter_rule){
		.capacity = (double)(burst ? limit->burst : window->n),
		.rate = (double)window->n * 1000 / (double)window->period_ms,
		.factor = 1,
		.share = job->share,
	};
}

/* Room for one more; NULL: there are too many. */
static struct gp_charge *
new_charge(struct gp_rate_plan *plan, const struct gp_rate_item *item,
    struct gp_arena *arena)
{
	size_t cap = plan->cap == 0 ? 16 : plan->cap * 2;
	struct gp_charge *charges;
	struct gp_rate_item *items;

	if (plan->n == GP_CHARGES_MAX) {
		plan->overflow = true;
		return NULL;
	}
	if (plan->n == plan->cap) {
		charges = gp_arena_alloc(arena, cap * sizeof(*charges));
		items = gp_arena_alloc(arena, cap * sizeof(*items));
		if (plan->charges != NULL) {
			memcpy(charges, plan->charges,
			    plan->n * sizeof(*charges));
			memcpy(items, plan->items, plan->n * sizeof(*items));
		}
		plan->charges = charges;
		plan->items = items;
		plan->cap = cap;
	}
	plan->items[plan->n] = *item;
	return &plan->charges[plan->n++];
}

static struct gp_charge *
find_charge(const struct gp_rate_plan *plan, size_t from, struct gp_str key)
{
	for (size_t i = from; i < plan->n; i++)
		if (gp_str_eq(plan->charges[i].key, key))
			return &plan->charges[i];
	return NULL;
}

/* `cost` at the meter for this recipient, with what is there since `from`. */
static void
charge_window(const struct limit_job *job, size_t from,
    const struct gp_rate *window, const struct gp_rate_rcpt *rcpt, double cost)
{
	const struct gp_limit_policy *limit = job->limit;
	const bool unique = limit->count == GP_COUNT_UNIQUE_RECIPIENTS;
	const struct gp_rate_item item = { .limit = limit,
		.window = window,
		.block = job->scope,
		.origin = limit->origin,
		.over = limit->over,
		.monitored = limit->mode == GP_MONITOR };
	struct gp_str key = name_of(job, 'm', window, rcpt);
	struct gp_charge *c;

	if (key.p == NULL)
		return;
	c = unique ? NULL : find_charge(job->plan, from, key);
	if (c != NULL) {
		if (limit->count == GP_COUNT_RECIPIENTS)
			c->cost += cost;
		return;
	}
	c = new_charge(job->plan, &item, job->arena);
	if (c == NULL)
		return;
	*c = (struct gp_charge){ .key = key,
		.rule = rule_of(job, window),
		.cost = cost,
		.watch = item.monitored || limit->over == GP_OVER_LOG,
		.keep_ms = window->period_ms * 2 + MINUTE_MS };
	if (unique) {
		c->mark = name_of(job, 'u', window, rcpt);
		c->mark_ms = window->period_ms;
	}
}

/* One meter for all recipients, unless a key is about the recipient. */
static void
charge_limit(const struct limit_job *job)
{
	const struct gp_rate_mail *mail = job->mail;
	const struct gp_limit_policy *limit = job->limit;
	const bool each = has_key(limit, GP_BY_PROVIDER) ||
	                  has_key(limit, GP_BY_RCPT_DOMAIN) ||
	                  limit->count == GP_COUNT_UNIQUE_RECIPIENTS;
	double cost = 1;

	if (!mail->counts[limit->count] || mail->n == 0)
		return;
	if (limit->count == GP_COUNT_BYTES)
		cost = mail->bytes < 1 ? 1 : (double)mail->bytes;
	for (size_t w = 0; w < limit->rate.n; w++) {
		const size_t from = job->plan->n;

		for (size_t i = 0; each && i < mail->n; i++)
			charge_window(job, from, &limit->rate.v[w],
			    &mail->rcpts[i], cost);
		if (!each)
			charge_window(job, from, &limit->rate.v[w],
			    &mail->rcpts[0],
			    limit->count == GP_COUNT_RECIPIENTS
				? (double)mail->n
				: cost);
	}
}

void
gp_rate_add_block(struct gp_rate_plan *plan, const struct gp_rate_mail *mail,
    const struct gp_policy *block, struct gp_arena *arena)
{
	struct limit_job job = { .plan = plan,
		.mail = mail,
		.scope = block->domain,
		.domain = block->domain,
		.share = 1,
		.arena = arena };

	for (size_t i = 0; i < block->n_limits; i++) {
		job.limit = &block->limits[i];
		charge_limit(&job);
	}
}

/* Only what many senders feed is shared out among classes. */
static double
share_of(const struct gp_limit_policy *limit, enum gp_mail_class class)
{
	if (class == GP_CLASS_TRANSACTIONAL || has_key(limit, GP_BY_DOMAIN) ||
	    has_key(limit, GP_BY_AUTH) || has_key(limit, GP_BY_SENDER) ||
	    has_key(limit, GP_BY_CLIENT))
		return 1;
	return class == GP_CLASS_BULK ? BULK_SHARE : NORMAL_SHARE;
}

static const enum gp_limit_key by_auth[] = { GP_BY_AUTH };

static const struct gp_limit_policy *
login_limit(const struct gp_rate_policy *how, struct gp_arena *arena)
{
	struct gp_limit_policy *limit = gp_arena_alloc(arena, sizeof(*limit));

	*limit = (struct gp_limit_policy){ .name = GP_RATE_LOGIN,
		.count = GP_COUNT_RECIPIENTS,
		.by = { 1, by_auth },
		.rate = how->login,
		.over = GP_OVER_DEFER,
		.mode = GP_ENFORCE };
	return limit;
}

void
gp_rate_add_all(struct gp_rate_plan *plan, const struct gp_rate_mail *mail,
    const struct gp_policy *block, struct gp_arena *arena)
{
	const struct gp_globals *globals = gp_config_globals(mail->config);
	struct limit_job job = { .plan = plan,
		.mail = mail,
		.scope = "*",
		.domain =
		    block->domain != NULL ? block->domain : mail->sender.domain,
		.share = 1,
		.arena = arena };

	if (globals->rate.login.n > 0) {
		job.limit = login_limit(&globals->rate, arena);
		charge_limit(&job);
	}
	for (size_t i = 0; i < globals->limits.n; i++) {
		job.limit = &globals->limits.v[i];
		job.share = share_of(job.limit, block->mail_class);
		charge_limit(&job);
	}
}

/* -- warm-up ----------------------------------------------------------- */

static struct gp_str
warmup_name(char kind, const char *block, const char *provider,
    struct gp_arena *arena)
{
	struct gp_buf b;

	gp_rate_name_begin(&b, kind, block);
	gp_rate_name_add(&b, gp_str(provider));
	return gp_rate_name_take(&b, arena);
}

struct gp_str
gp_rate_warmup_key(const char *block, const char *provider,
    struct gp_arena *arena)
{
	return warmup_name('n', block, provider, arena);
}

struct gp_charge
gp_rate_day_charge(const char *block, const char *provider, int64_t day,
    int64_t cap, struct gp_arena *arena)
{
	struct gp_buf b;

	gp_rate_name_begin(&b, 'd', block);
	gp_rate_name_add(&b, gp_str(provider));
	gp_buf_addf(&b, "/%lld", (long long)day);
	return (struct gp_charge){ .key = gp_rate_name_take(&b, arena),
		.rule = gp_warmup_day_rule(cap),
		.cost = 1,
		/* the state that comes from it is made when next it sends */
		.keep_ms = 40 * DAY_MS };
}

void
gp_rate_add_warmup(struct gp_rate_plan *plan, const struct gp_rate_warm *warm,
    int64_t recipients, struct gp_arena *arena)
{
	const struct gp_warmup_policy *w = warm->warmup;
	const struct gp_rate_item item = { .warmup = w,
		.cap = warm->cap,
		.provider = warm->provider,
		.block = warm->block,
		.origin = w->origin,
		.over = w->over,
		.monitored = w->mode == GP_MONITOR };
	struct gp_charge both[2];

	both[0] = gp_rate_day_charge(warm->block, warm->provider, warm->day,
	    warm->cap, arena);
	both[1] = (struct gp_charge){ .key = warmup_name('s', warm->block,
					  warm->provider, arena),
		.rule = gp_warmup_spread_rule(warm->cap, &warm->rule),
		.keep_ms = 2 * DAY_MS };
	for (size_t i = 0; i < 2; i++) {
		struct gp_charge *c = new_charge(plan, &item, arena);

		both[i].cost = (double)recipients;
		both[i].watch = item.monitored || w->over == GP_OVER_LOG;
		if (c != NULL)
			*c = both[i];
	}
}

/* -- kinds -------------------------------------------------------------- */

const char *
gp_rate_kind_name(enum gp_rate_kind kind)
{
	static const char *const names[GP_RATE_KINDS] = {
		[GP_RATE_RECIPIENTS] = "recipients",
		[GP_RATE_MESSAGES] = "messages",
		[GP_RATE_BYTES] = "bytes",
		[GP_RATE_UNIQUE] = "unique-recipients",
		[GP_RATE_WARMUP] = "warmup",
		[GP_RATE_SENDERS] = "senders",
	};

	return names[kind];
}

enum gp_rate_kind
gp_rate_kind_of(const struct gp_rate_item *item)
{
	static const enum gp_rate_kind kinds[] = {
		[GP_COUNT_RECIPIENTS] = GP_RATE_RECIPIENTS,
		[GP_COUNT_MESSAGES] = GP_RATE_MESSAGES,
		[GP_COUNT_BYTES] = GP_RATE_BYTES,
		[GP_COUNT_UNIQUE_RECIPIENTS] = GP_RATE_UNIQUE,
	};

	return item->limit == NULL ? GP_RATE_WARMUP : kinds[item->limit->count];
}

/* -- the outcome ------------------------------------------------------- */

size_t
gp_rate_worst(const struct gp_rate_plan *plan, const struct gp_charged *made)
{
	size_t worst = plan->n;

	for (size_t i = 0; i < plan->n; i++)
		if (!made[i].fits && !plan->charges[i].watch &&
		    (worst == plan->n || made[i].wait_ms > made[worst].wait_ms))
			worst = i;
	return worst;
}
