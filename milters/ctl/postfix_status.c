/* gatepost postfix status: does Postfix ask gatepost, and is it answered? */
#include "ctl/postfix.h"

#include "core/finding.h"
#include "core/postfix_list.h"
#include "io/postfix_place.h"

#include <string.h>

#define DISABLED 1
#define BROKEN   2
#define SMTPD    "smtpd_milters"

static const char *const lists[] = { GP_POSTFIX_INBOUND_LIST,
	GP_POSTFIX_SUBMISSION_LIST, GP_POSTFIX_LOCAL_LIST };
#define LISTS (sizeof(lists) / sizeof(lists[0]))

struct look {
	struct ctl_postfix *x;
	struct gp_findings found; /* in the arena of x */
	bool attached;            /* something refers to a list of ours */
	bool left;                /* something of ours is set */
};

static const char *
main_value(const struct look *l, const char *name)
{
	const struct gp_postfix_item *item =
	    gp_postfix_items_find(&l->x->main, NULL, name);

	return item == NULL ? NULL : item->before;
}

/* -- what refers to us ------------------------------------------------------
 */

/* Of main.cf or of a service: which list, and are others asked before? */
static void
look_at_list(struct look *l, const char *where, const char *name,
    const char *value)
{
	struct gp_str rest = gp_str(value), first;

	if (!gp_postfix_attached(value))
		return;
	l->attached = true;
	if (gp_postfix_list_next(&rest, &first) == GP_OK &&
	    gp_postfix_attached(
		gp_arena_strndup(l->x->arena, first.p, first.n)))
		gp_findings_add(&l->found, GP_GREEN, "postfix", where,
		    "%s begins with gatepost", name);
	else {
		gp_findings_add(&l->found, GP_YELLOW, "postfix", where,
		    "%s asks others before gatepost", name);
		gp_findings_remedy(&l->found,
		    "what they add or delete is judged and signed as well; "
		    "put gatepost's list first unless that is wanted");
	}
	for (size_t i = 0; i < LISTS; i++)
		if (gp_postfix_list_has(gp_str(value), lists[i]) &&
		    main_value(l, lists[i]) == NULL) {
			gp_findings_add(&l->found, GP_RED, "postfix", where,
			    "%s refers to %s, which is not set", name,
			    lists[i]);
			gp_findings_remedy(&l->found,
			    "gatepost postfix enable, or disable");
		}
}

static void
look_at_lists(struct look *l)
{
	static const char *const names[] = { SMTPD, "non_smtpd_milters" };
	const struct gp_postfix_services *all = &l->x->p.services;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		look_at_list(l, "main.cf", names[i], main_value(l, names[i]));
	for (size_t i = 0; i < all->n; i++) {
		const struct gp_postfix_service *s = &all->v[i];
		const char *own =
		    gp_postfix_override_of(s, GP_POSTFIX_INBOUND_LIST);

		look_at_list(l, s->name, SMTPD,
		    gp_postfix_override_of(s, SMTPD));
		if (own != NULL)
			gp_findings_add(&l->found, GP_GREEN, "postfix", s->name,
			    "it takes %s", own);
		l->left = l->left || own != NULL;
	}
	for (size_t i = 0; i < LISTS; i++)
		l->left = l->left || main_value(l, lists[i]) != NULL;
}

/* -- the sockets -------------------------------------------------------------
 */

/* "{ unix:$gatepost_socket_dir/spf/milter.sock, ..." gives the socket, or NULL
 * when it is none that we could try. */
static const char *
socket_of(const struct look *l, struct gp_str element)
{
	static const struct gp_str dir =
	    GP_STR("unix:$" GP_POSTFIX_SOCKET_DIR "/");
	const char *value = main_value(l, GP_POSTFIX_SOCKET_DIR);
	struct gp_str word;

	if (element.n > 2 && element.p[0] == '{') {
		element = gp_str_n(element.p + 1, element.n - 2);
		if (gp_postfix_list_next(&element, &word) != GP_OK)
			return NULL;
		element = word;
	}
	if (!gp_str_starts_nocase(element, GP_STR("unix:")))
		return NULL;
	if (value == NULL || !gp_str_starts_nocase(element, dir))
		return gp_arena_strndup(l->x->arena, element.p, element.n);
	return gp_arena_printf(l->x->arena, "unix:%s/%.*s", value,
	    (int)(element.n - dir.n), element.p + dir.n);
}

static bool
is_looked_at(const struct look *l, const char *socket)
{
	for (size_t i = 0; i < l->found.n; i++)
		if (strcmp(l->found.v[i].topic, "socket") == 0 &&
		    strcmp(l->found.v[i].subject, socket) == 0)
			return true;
	return false;
}

static void
look_at_socket(struct look *l, const char *socket)
{
	struct gp_err err;
	bool inside;
	enum gp_rc rc;

	if (is_looked_at(l, socket))
		return;
	rc = gp_postfix_reach(&l->x->p, socket, &inside, &err);
	if (rc == GP_OK) {
		gp_findings_add(&l->found, GP_GREEN, "socket", socket,
		    "it answers");
		return;
	}
	gp_findings_add(&l->found, GP_RED, "socket", socket, "%s", err.msg);
	if (inside || rc == GP_PERM)
		gp_findings_remedy(&l->found,
		    "gatepost postfix enable, which mends that; gatepost "
		    "doctor says more");
	else
		gp_findings_remedy(&l->found,
		    "does the daemon run? systemctl status 'gatepost-*'");
}

static void
look_at_sockets(struct look *l)
{
	for (size_t i = 0; i < LISTS; i++) {
		const char *value = main_value(l, lists[i]);
		struct gp_str rest = gp_str(value), element;

		while (gp_postfix_list_next(&rest, &element) == GP_OK) {
			const char *socket = socket_of(l, element);

			if (socket != NULL)
				look_at_socket(l, socket);
		}
	}
}

/* -- what was changed since
 * ---------------------------------------------------- */

static const char *
value_now(const struct look *l, const struct gp_postfix_item *item)
{
	const struct gp_postfix_services *all = &l->x->p.services;

	if (item->service == NULL)
		return main_value(l, item->name);
	for (size_t i = 0; i < all->n; i++)
		if (strcmp(all->v[i].name, item->service) == 0)
			return gp_postfix_override_of(&all->v[i], item->name);
	return NULL;
}

static void
look_at_changes(struct look *l)
{
	const struct gp_postfix_items *wrote = &l->x->memory.state.items;

	for (size_t i = 0; i < wrote->n; i++) {
		const struct gp_postfix_item *item = &wrote->v[i];
		const char *now = value_now(l, item);
		const char *where =
		    item->service == NULL ? "main.cf" : item->service;

		if (now != NULL && strcmp(now, item->after) == 0)
			continue;
		if (now != NULL)
			gp_findings_add(&l->found, GP_YELLOW, "postfix", where,
			    "%s was changed since enable", item->name);
		else {
			gp_findings_add(&l->found, GP_RED, "postfix", where,
			    "%s is gone, which enable had set", item->name);
			gp_findings_remedy(&l->found,
			    "gatepost postfix enable, or disable");
		}
	}
}

static void
look_at_postfix(struct look *l)
{
	static const char *const status[] = { "status", NULL };
	const char *others = ctl_postfix_instances(l->x);

	if (gp_postfix_call(&l->x->p, "postfix", status, NULL, NULL) != GP_OK)
		gp_findings_add(&l->found, GP_YELLOW, "postfix",
		    l->x->p.config_dir, "Postfix does not run");
	if (others[0] != '\0')
		gp_findings_add(&l->found, GP_GREEN, "postfix", others,
		    "other instances, with --all or --config-dir");
}

/* -- all of it
 * ----------------------------------------------------------------- */

static int
judge(struct look *l)
{
	if (l->attached)
		return gp_findings_worst(&l->found) == GP_RED ? BROKEN : 0;
	if (!l->left)
		return DISABLED;
	gp_findings_add(&l->found, GP_RED, "postfix", l->x->p.config_dir,
	    "gatepost's lists are set, and nothing refers to them");
	gp_findings_remedy(&l->found, "gatepost postfix enable, or disable");
	return BROKEN;
}

/* What was found here, among what was found in all; the names of what several
 * instances have get the folder in front. */
static void
put(const struct ctl_postfix *x, const struct gp_findings *from,
    struct gp_findings *to)
{
	for (size_t i = 0; i < from->n; i++) {
		const struct gp_finding *f = &from->v[i];
		const char *subject = f->subject;

		if (ctl_option(x->args, "--all") != NULL &&
		    strcmp(subject, x->p.config_dir) != 0)
			subject = gp_arena_printf(x->arena, "%s: %s",
			    x->p.config_dir, subject);
		gp_findings_add(to, f->light, f->topic, subject, "%s", f->what);
		if (f->remedy != NULL)
			gp_findings_remedy(to, "%s", f->remedy);
	}
}

static int
status(struct ctl_postfix *x, struct gp_findings *all)
{
	struct look l = { .x = x };
	int code;

	gp_findings_init(&l.found, x->arena);
	look_at_lists(&l);
	if (l.attached) {
		look_at_sockets(&l);
		look_at_changes(&l);
	}
	look_at_postfix(&l);
	code = judge(&l);
	if (code == DISABLED)
		gp_findings_add(&l.found, GP_GREEN, "postfix", x->p.config_dir,
		    "disabled: Postfix does not ask gatepost");
	put(x, &l.found, all);
	return code;
}

struct asked {
	const struct ctl *ctl;
	const struct ctl_args *args;
	struct gp_findings found;
	bool some; /* an instance was looked at */
	int code;  /* of all together */
};

static int
status_one(void *context, const char *dir)
{
	struct asked *a = context;
	struct ctl_postfix x;
	const int code = ctl_postfix_open(&x, a->ctl, a->args, dir);

	if (code == 0) {
		const int said = status(&x, &a->found);

		/* one that asks and one that does not: in part */
		a->code = !a->some || a->code == said ? said : BROKEN;
		a->some = true;
	}
	ctl_postfix_close(&x);
	return code;
}

int
ctl_postfix_status(const struct ctl *ctl, const struct ctl_args *args)
{
	struct asked a = { .ctl = ctl, .args = args };
	struct gp_arena *arena = gp_arena_new();
	int code;

	gp_findings_init(&a.found, arena);
	code = ctl_postfix_each(args, false, status_one, &a);
	if (code == 0 && ctl_option(args, "-q") == NULL)
		(void)ctl_print_findings(ctl, &a.found);
	gp_arena_free(arena);
	return code == 0 ? a.code : code;
}
