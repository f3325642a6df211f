/* See postfix_plan.h.
 *
 * Every parameter that may bear our mark is one item.  Enabling and disabling
 * differ in what each item is to become; how it is given back is one function,
 * as a change of role takes back as well.
 */
#include "core/postfix_plan.h"

#include "core/postfix_list.h"

#include <string.h>

#define SMTPD     "smtpd_milters"
#define NON_SMTPD "non_smtpd_milters"
#define NAME      "milter_macro_daemon_name"
#define OURS      "ORIGINATING"

enum daemon { SPF, DKIM, DMARC, RATE };

const char *const gp_postfix_daemons[GP_POSTFIX_DAEMONS] = {
	[SPF] = "spf",
	[DKIM] = "dkim",
	[DMARC] = "dmarc",
	[RATE] = "rate",
};

/* Ours in main.cf; one that others refer to comes behind them. */
static const char *const own[] = { GP_POSTFIX_INBOUND_LIST,
	GP_POSTFIX_SUBMISSION_LIST, GP_POSTFIX_LOCAL_LIST,
	GP_POSTFIX_SOCKET_DIR };
#define OWN (sizeof(own) / sizeof(own[0]))

/* One run. */
struct run {
	const struct gp_postfix_now *now;
	const struct gp_postfix_wish *wish; /* NULL: disable */
	bool force;
	struct gp_arena *arena;
	struct gp_postfix_plan *plan;
};

static bool
same(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool
refers_to_one(const char *value, const char *const *names, size_t n)
{
	for (size_t i = 0; value != NULL && i < n; i++)
		if (gp_postfix_list_has(gp_str(value), names[i]))
			return true;
	return false;
}

bool
gp_postfix_attached(const char *value)
{
	return refers_to_one(value, own, OWN);
}

/* -- what is there ------------------------------------------------------ */

static const char *
value_now(const struct run *r, const struct gp_postfix_service *s,
    const char *name)
{
	const struct gp_postfix_item *item;

	if (s != NULL)
		return gp_postfix_override_of(s, name);
	item = gp_postfix_items_find(r->now->main, NULL, name);
	return item == NULL ? NULL : item->before;
}

/* What gatepost wrote there. */
static const struct gp_postfix_item *
written(const struct run *r, const struct gp_postfix_service *s,
    const char *name)
{
	return gp_postfix_items_find(r->now->wrote, s == NULL ? NULL : s->name,
	    name);
}

/* The value without references to ours, or NULL when nothing is left. */
static const char *
without_ours(const struct run *r, const char *value)
{
	for (size_t i = 0; i < OWN; i++) {
		struct gp_buf b;

		gp_buf_init(&b, SIZE_MAX);
		gp_postfix_list_remove(&b, own[i], gp_str(value));
		value = gp_arena_strdup(r->arena, gp_buf_cstr(&b));
		gp_buf_clear(&b);
	}
	return value[0] == '\0' ? NULL : value;
}

static void
set(const struct run *r, const struct gp_postfix_service *s, const char *name,
    const char *after, const char *old)
{
	gp_postfix_items_add(&r->plan->items,
	    &(struct gp_postfix_item){
		.service = s == NULL ? NULL : s->name,
		.name = name,
		.before = value_now(r, s, name),
		.after = after,
		.old = old,
	    });
}

static const char *
where(const struct gp_postfix_service *s)
{
	return s == NULL ? "main.cf" : s->name;
}

static void
note_changed(const struct run *r, const struct gp_postfix_service *s,
    const char *name)
{
	gp_buf_addf(r->plan->notes,
	    "%s: %s was changed since gatepost wrote it, and stays; --force "
	    "removes it\n",
	    where(s), name);
}

/* -- to give back -------------------------------------------------------- */

/* A list of Postfix's: as it was before, or without what is ours. */
static void
detach_list(const struct run *r, const struct gp_postfix_service *s,
    const char *name)
{
	const char *value = value_now(r, s, name);
	const struct gp_postfix_item *was = written(r, s, name);
	const char *rest;

	if (!gp_postfix_attached(value))
		return;
	if (was != NULL && same(was->after, value)) {
		set(r, s, name, was->old, NULL);
		return;
	}
	rest = without_ours(r, value);
	/* an override that is empty keeps main.cf's value away */
	if (rest == NULL && (s != NULL || (was != NULL && was->old != NULL)))
		rest = "";
	set(r, s, name, rest, NULL);
}

/* A parameter of ours. */
static void
detach_own(const struct run *r, const struct gp_postfix_service *s,
    const char *name)
{
	const char *value = value_now(r, s, name);
	const struct gp_postfix_item *was = written(r, s, name);
	const bool as_written = was == NULL || same(was->after, value);

	if (value == NULL)
		return;
	if (!as_written && !r->force)
		note_changed(r, s, name);
	set(r, s, name, as_written || r->force ? NULL : value, NULL);
}

/* A parameter of Postfix's that has a word of ours. */
static void
detach_word(const struct run *r, const struct gp_postfix_service *s,
    const char *name)
{
	const char *value = value_now(r, s, name);
	const struct gp_postfix_item *was = written(r, s, name);

	if (was != NULL && value != NULL && same(was->after, value))
		set(r, s, name, was->old, NULL);
}

static void
detach_service(const struct run *r, const struct gp_postfix_service *s)
{
	detach_list(r, s, SMTPD);
	detach_own(r, s, GP_POSTFIX_INBOUND_LIST);
	detach_word(r, s, NAME);
}

/* -- what refers to it still? -------------------------------------------- */

/* The value that it will have, in main.cf or for a service. */
static const char *
value_then(const struct run *r, const char *service, const char *name,
    const char *value)
{
	const struct gp_postfix_item *item =
	    gp_postfix_items_find(&r->plan->items, service, name);

	return item == NULL ? value : item->after;
}

static const char *
main_referrer(const struct run *r, const char *name)
{
	for (size_t i = 0; i < r->now->main->n; i++) {
		const struct gp_postfix_item *m = &r->now->main->v[i];
		const char *v = value_then(r, NULL, m->name, m->before);

		if (v != NULL && gp_postfix_refers(gp_str(v), name))
			return m->name;
	}
	return NULL;
}

static const char *
service_referrer(const struct run *r, const char *name)
{
	for (size_t i = 0; i < r->now->services->n; i++) {
		const struct gp_postfix_service *s = &r->now->services->v[i];

		for (size_t k = 0; k < s->n_overrides; k++) {
			const struct gp_postfix_override *o = &s->overrides[k];
			const char *v =
			    value_then(r, s->name, o->name, o->value);

			if (v != NULL && gp_postfix_refers(gp_str(v), name))
				return s->name;
		}
	}
	return NULL;
}

/* Postfix would complain of a reference to what is not there. */
static void
keep_what_is_used(const struct run *r)
{
	for (size_t i = 0; i < OWN; i++) {
		struct gp_postfix_item *item =
		    gp_postfix_items_find(&r->plan->items, NULL, own[i]);
		const char *by;

		if (item == NULL || item->after != NULL)
			continue;
		by = main_referrer(r, own[i]);
		if (by == NULL)
			by = service_referrer(r, own[i]);
		if (by == NULL)
			continue;
		item->after = item->before;
		gp_buf_addf(r->plan->notes,
		    "main.cf: %s stays, as %s refers to it\n", own[i], by);
	}
}

/* -- to attach ------------------------------------------------------------ */

static bool
is_for_role(const struct gp_postfix_wish *w, size_t daemon)
{
	if (daemon == SPF)
		return w->mx;
	return daemon == RATE ? w->submission : true;
}

bool
gp_postfix_wish_has(const struct gp_postfix_wish *w, size_t daemon)
{
	return w->daemons[daemon] && is_for_role(w, daemon);
}

/* What Postfix does while the daemon does not answer. */
static const char *
action(const struct gp_postfix_wish *w, size_t daemon, bool ours)
{
	if (w->failure == GP_POSTFIX_CLOSED)
		return "tempfail";
	if (w->failure == GP_POSTFIX_BY_TASK && ours &&
	    (daemon == DKIM || daemon == RATE))
		return "tempfail";
	return "accept";
}

/* A list of ours; `only_ours`: local mail has no client to ask SPF for. */
static const char *
chain(const struct run *r, bool ours, bool only_ours)
{
	struct gp_buf b;
	const char *text;

	gp_buf_init(&b, SIZE_MAX);
	for (size_t d = 0; d < GP_POSTFIX_DAEMONS; d++) {
		if (!gp_postfix_wish_has(r->wish, d) || (only_ours && d == SPF))
			continue;
		gp_buf_addf(&b,
		    "%s{ unix:$" GP_POSTFIX_SOCKET_DIR
		    "/%s/milter.sock, connect_timeout=5s, default_action=%s }",
		    b.n == 0 ? "" : ", ", gp_postfix_daemons[d],
		    action(r->wish, d, ours));
	}
	text = gp_arena_strdup(r->arena, gp_buf_cstr(&b));
	gp_buf_clear(&b);
	return text;
}

/* A parameter of ours; not over what somebody has made of it. */
static enum gp_rc
attach_own(const struct run *r, const struct gp_postfix_service *s,
    const char *name, const char *after, struct gp_err *err)
{
	const char *value = value_now(r, s, name);
	const struct gp_postfix_item *was = written(r, s, name);

	if (value != NULL && !same(value, after) && !r->force &&
	    !(was != NULL && same(was->after, value)))
		return gp_fail(err, GP_PERM,
		    "%s: %s is not as gatepost would write it; --force "
		    "overwrites it",
		    where(s), name);
	set(r, s, name, after, NULL);
	return GP_OK;
}

/* What stood there before gatepost came. */
static const char *
original(const struct run *r, const struct gp_postfix_service *s,
    const char *name)
{
	const char *value = value_now(r, s, name);
	const struct gp_postfix_item *was = written(r, s, name);

	if (was != NULL && same(was->after, value))
		return was->old;
	return gp_postfix_attached(value) ? without_ours(r, value) : value;
}

/* The reference in front of what is there. */
static enum gp_rc
attach_list(const struct run *r, const struct gp_postfix_service *s,
    const char *name, const char *list, struct gp_err *err)
{
	const char *value = value_now(r, s, name);
	const char *old = original(r, s, name);
	struct gp_err why;
	struct gp_buf added, b;
	enum gp_rc rc;

	value = value == NULL ? "" : value;
	if (gp_postfix_attached(value) &&
	    !gp_postfix_list_has(gp_str(value), list))
		value = without_ours(r, value); /* it had another list */
	value = value == NULL ? "" : value;
	if (gp_postfix_list_check(gp_str(value), &why) != GP_OK)
		return gp_fail(err, GP_PERM, "%s: %s = %s", where(s), name,
		    why.msg);
	if (gp_postfix_list_has(gp_str(value), list)) {
		set(r, s, name, value, old);
		return GP_OK;
	}
	gp_buf_init(&added, SIZE_MAX);
	gp_buf_init(&b, SIZE_MAX);
	gp_postfix_list_add(&added, list, gp_str(value));
	rc = gp_postfix_list_pack(&b, gp_buf_str(&added), &why);
	if (s != NULL && rc != GP_OK)
		(void)gp_fail(err, rc, "%s: -o %s=%s", where(s), name, why.msg);
	else
		set(r, s, name,
		    gp_arena_strdup(r->arena,
			gp_buf_cstr(s == NULL ? &added : &b)),
		    old);
	gp_buf_clear(&added);
	gp_buf_clear(&b);
	return s == NULL ? GP_OK : rc;
}

/* -- the services --------------------------------------------------------- */

static bool
takes_no_milters(const struct gp_postfix_service *s)
{
	const char *o = gp_postfix_override_of(s, "receive_override_options");

	return o != NULL && strstr(o, "no_milters") != NULL;
}

/* It follows main.cf when it has no list of its own. */
static enum gp_rc
attach_submission(const struct run *r, const struct gp_postfix_service *s,
    struct gp_err *err)
{
	enum gp_rc rc;

	if (value_now(r, s, SMTPD) == NULL)
		rc = attach_own(r, s, GP_POSTFIX_INBOUND_LIST,
		    "$" GP_POSTFIX_SUBMISSION_LIST, err);
	else {
		detach_own(r, s, GP_POSTFIX_INBOUND_LIST);
		rc = attach_list(r, s, SMTPD, GP_POSTFIX_SUBMISSION_LIST, err);
	}
	if (rc == GP_OK && value_now(r, s, NAME) == NULL)
		set(r, s, NAME, OURS, NULL);
	else if (rc == GP_OK && written(r, s, NAME) != NULL)
		set(r, s, NAME, value_now(r, s, NAME),
		    written(r, s, NAME)->old);
	return rc;
}

static enum gp_rc
attach_inbound(const struct run *r, const struct gp_postfix_service *s,
    struct gp_err *err)
{
	const char *value = value_now(r, s, SMTPD);

	if (value == NULL)
		return GP_OK;
	if (value[0] != '\0')
		return attach_list(r, s, SMTPD, GP_POSTFIX_INBOUND_LIST, err);
	gp_buf_addf(r->plan->notes,
	    "%s: -o smtpd_milters= keeps all milters away from it, and "
	    "stays\n",
	    s->name);
	return GP_OK;
}

/* A content filter gives back what has passed gatepost already. */
static void
note_second_pass(const struct run *r, const struct gp_postfix_service *s)
{
	if (r->wish->mx && value_now(r, s, SMTPD) == NULL)
		gp_buf_addf(r->plan->notes,
		    "%s: it takes main.cf's milters; when a content filter "
		    "gives mail back there, set -o "
		    "receive_override_options=no_milters\n",
		    s->name);
}

static enum gp_rc
plan_service(const struct run *r, const struct gp_postfix_service *s,
    struct gp_err *err)
{
	const enum gp_postfix_use use = gp_postfix_use(s);

	if (use == GP_POSTFIX_NO_SMTPD)
		return GP_OK;
	if (takes_no_milters(s)) {
		detach_service(r, s);
		return GP_OK;
	}
	if (use == GP_POSTFIX_SUBMISSION && r->wish->submission)
		return attach_submission(r, s, err);
	if (use == GP_POSTFIX_INBOUND && r->wish->mx)
		return attach_inbound(r, s, err);
	detach_service(r, s);
	if (use == GP_POSTFIX_OTHER)
		note_second_pass(r, s);
	return GP_OK;
}

/* -- main.cf ----------------------------------------------------------------
 */

/* Does the plan have a service with a reference to this list? */
static bool
is_used(const struct run *r, const char *name, const char *list)
{
	for (size_t i = 0; i < r->plan->items.n; i++) {
		const struct gp_postfix_item *item = &r->plan->items.v[i];

		if (item->service != NULL && item->after != NULL &&
		    strcmp(item->name, name) == 0 &&
		    gp_postfix_list_has(gp_str(item->after), list))
			return true;
	}
	return false;
}

/* The list of ours is defined when it is wanted, else given back. */
static enum gp_rc
plan_own(const struct run *r, bool wanted, const char *name, const char *value,
    struct gp_err *err)
{
	if (wanted)
		return attach_own(r, NULL, name, value, err);
	detach_own(r, NULL, name);
	return GP_OK;
}

/* Local mail may have them by a reference to smtpd_milters already. */
static enum gp_rc
plan_local(const struct run *r, bool smtpd_is_ours, struct gp_err *err)
{
	const char *value = value_now(r, NULL, NON_SMTPD);
	const char *list = chain(r, true, true);
	const bool follows = smtpd_is_ours && r->wish->mx && value != NULL &&
	                     gp_postfix_refers(gp_str(value), SMTPD);
	const bool wanted = !follows && list[0] != '\0';
	enum gp_rc rc = plan_own(r, wanted, GP_POSTFIX_LOCAL_LIST, list, err);

	if (follows)
		gp_buf_adds(r->plan->notes,
		    "main.cf: non_smtpd_milters has gatepost by "
		    "$smtpd_milters\n");
	if (rc != GP_OK || !wanted) {
		detach_list(r, NULL, NON_SMTPD);
		return rc;
	}
	return attach_list(r, NULL, NON_SMTPD, GP_POSTFIX_LOCAL_LIST, err);
}

static enum gp_rc
plan_main(const struct run *r, struct gp_err *err)
{
	const bool own_lists = is_used(r, SMTPD, GP_POSTFIX_SUBMISSION_LIST);
	const bool followers =
	    is_used(r, GP_POSTFIX_INBOUND_LIST, GP_POSTFIX_SUBMISSION_LIST);
	const bool smtpd = r->wish->mx || followers;
	enum gp_rc rc = attach_own(r, NULL, GP_POSTFIX_SOCKET_DIR,
	    r->wish->socket_dir, err);

	if (rc == GP_OK)
		rc = plan_own(r, smtpd, GP_POSTFIX_INBOUND_LIST,
		    r->wish->mx ? chain(r, false, false) : "", err);
	if (rc == GP_OK)
		rc = plan_own(r, own_lists || followers,
		    GP_POSTFIX_SUBMISSION_LIST, chain(r, true, false), err);
	if (rc == GP_OK && smtpd)
		rc = attach_list(r, NULL, SMTPD, GP_POSTFIX_INBOUND_LIST, err);
	else if (rc == GP_OK)
		detach_list(r, NULL, SMTPD);
	if (rc == GP_OK)
		rc = plan_local(r, smtpd, err);
	if (r->wish->submission && !own_lists && !followers)
		gp_buf_adds(r->plan->notes,
		    "master.cf: no service for submission; what is submitted "
		    "comes by port 25 or is local\n");
	return rc;
}

/* -- plans -------------------------------------------------------------------
 */

enum gp_rc
gp_postfix_plan_enable(const struct gp_postfix_now *now,
    const struct gp_postfix_wish *wish, struct gp_arena *arena,
    struct gp_postfix_plan *plan, struct gp_err *err)
{
	const struct run r = { .now = now,
		.wish = wish,
		.force = wish->force,
		.arena = arena,
		.plan = plan };
	enum gp_rc rc = GP_OK;

	gp_postfix_items_init(&plan->items, arena);
	for (size_t i = 0; rc == GP_OK && i < now->services->n; i++)
		rc = plan_service(&r, &now->services->v[i], err);
	if (rc == GP_OK)
		rc = plan_main(&r, err);
	if (rc == GP_OK)
		keep_what_is_used(&r);
	return rc;
}

void
gp_postfix_plan_disable(const struct gp_postfix_now *now, bool force,
    struct gp_arena *arena, struct gp_postfix_plan *plan)
{
	const struct run r = { .now = now,
		.force = force,
		.arena = arena,
		.plan = plan };

	gp_postfix_items_init(&plan->items, arena);
	for (size_t i = 0; i < now->services->n; i++)
		detach_service(&r, &now->services->v[i]);
	detach_list(&r, NULL, SMTPD);
	detach_list(&r, NULL, NON_SMTPD);
	for (size_t i = 0; i < OWN; i++)
		detach_own(&r, NULL, own[i]);
	keep_what_is_used(&r);
}
