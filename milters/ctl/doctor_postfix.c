/* Topics "sockets" and "postfix": does the MTA reach the filters, and does it
 * ask them, in the order of the manual? */
#include "ctl/doctor.h"

#include "core/postfix_list.h"
#include "io/socket_try.h"

#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRY_MS     5000
#define GROUP_TEXT 16384

enum { SPF, DKIM, DMARC, RATE };

static const char *
path_of(const char *socket)
{
	return strncmp(socket, "unix:", 5) == 0 ? socket + 5 : NULL;
}

/* -- what Postfix asks -------------------------------------------------- */

/* Is it the same socket, as Postfix calls it from where it runs? */
static bool
is_same(const struct doctor *d, const char *theirs, const char *ours)
{
	const struct gp_postfix *p = &d->postfix;
	const char *path = path_of(theirs);
	struct stat a, b;

	if (strcmp(theirs, ours) == 0)
		return true;
	if (path == NULL || path_of(ours) == NULL)
		return false;
	if (path[0] != '/' || p->chrooted)
		path = gp_arena_printf(d->arena, "%s/%s", p->queue_dir, path);
	return stat(path, &a) == 0 && stat(path_of(ours), &b) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static int
rank_of(const struct doctor *d, const char *socket)
{
	for (int i = 0; i < CTL_DAEMONS; i++)
		if (d->daemons[i].socket != NULL &&
		    is_same(d, socket, d->daemons[i].socket))
			return i;
	return -1;
}

static void
add_list(struct doctor *d, const char *service, const char *name,
    const char *value)
{
	struct doctor_list *l = &d->lists[d->n_lists++];

	*l = (struct doctor_list){ .service = service, .name = name };
	gp_milter_list_read(d->arena, gp_str(value), &l->list);
	for (size_t i = 0; i < l->list.n; i++)
		l->rank[i] = rank_of(d, l->list.v[i].socket);
}

static void
add_main(struct doctor *d, const char *name)
{
	const char *const args[] = { "-x", "-h", name, NULL };
	const char *value = "";

	if (gp_postfix_call(&d->postfix, "postconf", args, &value, NULL) ==
	    GP_OK)
		add_list(d, NULL, name, value);
}

/* What -o says, with its "$" expanded. */
static void
add_services(struct doctor *d)
{
	static const char *const services_args[] = { "-M", NULL };
	static const char *const overrides_args[] = { "-x", "-P", NULL };
	const char *services = "", *overrides = "";
	struct gp_postfix_services all;

	if (gp_postfix_call(&d->postfix, "postconf", services_args, &services,
		NULL) != GP_OK ||
	    gp_postfix_call(&d->postfix, "postconf", overrides_args, &overrides,
		NULL) != GP_OK)
		return;
	gp_postfix_services_read(d->arena, gp_str(services), gp_str(overrides),
	    &all);
	for (size_t i = 0; i < all.n; i++) {
		const char *value =
		    gp_postfix_override_of(&all.v[i], "smtpd_milters");

		if (value != NULL && strcmp(all.v[i].command, "smtpd") == 0)
			add_list(d, all.v[i].name, "smtpd_milters", value);
	}
}

void
ctl_doctor_find_mta(struct doctor *d)
{
	struct gp_err err = { .msg = "" };

	d->mta = gp_postfix_open(d->arena, ctl_option(d->args, "--config-dir"),
	    &d->postfix, &err);
	d->mta_why = gp_arena_strdup(d->arena, err.msg);
	if (d->mta != GP_OK)
		return;
	d->lists = gp_arena_alloc(d->arena,
	    (d->postfix.services.n + 2) * sizeof(*d->lists));
	add_main(d, "smtpd_milters");
	add_main(d, "non_smtpd_milters");
	add_services(d);
}

/* -- sockets ------------------------------------------------------------ */

/* The socket as Postfix calls it; as we do when it does not ask. */
static const char *
name_of(const struct doctor *d, int daemon)
{
	for (size_t i = 0; i < d->n_lists; i++)
		for (size_t k = 0; k < d->lists[i].list.n; k++)
			if (d->lists[i].rank[k] == daemon)
				return d->lists[i].list.v[k].socket;
	return d->daemons[daemon].socket;
}

static const char *
group_of(struct doctor *d, const char *socket)
{
	struct group entry, *group = NULL;
	char text[GROUP_TEXT];
	struct stat st;

	if (path_of(socket) == NULL || stat(path_of(socket), &st) != 0 ||
	    getgrgid_r(st.st_gid, &entry, text, sizeof(text), &group) != 0 ||
	    group == NULL)
		return "_gatepost";
	return gp_arena_strdup(d->arena, group->gr_name);
}

/* Its own group, or that of its folder, may do nothing with it either: then
 * no membership helps.  NULL: they may. */
static const char *
mode_remedy(struct doctor *d, const char *socket)
{
	const char *path = path_of(socket);
	const char *folder, *slash;
	struct stat st;

	slash = path == NULL ? NULL : strrchr(path, '/');
	if (slash == NULL)
		return NULL;
	folder = gp_arena_strndup(d->arena, path, (size_t)(slash - path));
	if (stat(folder, &st) == 0 && (st.st_mode & S_IXGRP) == 0)
		return gp_arena_printf(d->arena, "chmod g+x %s", folder);
	if (stat(path, &st) == 0 && (st.st_mode & S_IWGRP) == 0)
		return gp_arena_printf(d->arena, "chmod g+rw %s", path);
	return NULL;
}

/* Of the instance that was asked for. */
static const char *
dir_option(const struct doctor *d, const char *option)
{
	return ctl_option(d->args, "--config-dir") == NULL
	           ? ""
	           : gp_arena_printf(d->arena, " %s %s", option,
			 d->postfix.config_dir);
}

static void
say_remedy(struct doctor *d, const struct doctor_daemon *daemon,
    const struct gp_socket_try *t, enum gp_rc rc)
{
	struct gp_findings *out = d->findings;
	const char *mode =
	    rc == GP_PERM ? mode_remedy(d, daemon->socket) : NULL;

	if (mode != NULL)
		gp_findings_remedy(out, "%s", mode);
	else if (rc == GP_PERM && t->user != NULL)
		gp_findings_remedy(out, "adduser %s %s\npostfix%s reload",
		    t->user, group_of(d, daemon->socket), dir_option(d, "-c"));
	else if (rc == GP_PERM)
		gp_findings_remedy(out, "sudo gatepost doctor");
	else if (rc == GP_NONE && t->chroot != NULL)
		gp_findings_remedy(out,
		    "gatepost postfix enable%s, which shows the sockets in %s",
		    dir_option(d, "--config-dir"), t->chroot);
	else
		gp_findings_remedy(out, "systemctl restart gatepost-%s",
		    daemon->name);
}

static void
try_socket(struct doctor *d, int i)
{
	const struct doctor_daemon *daemon = &d->daemons[i];
	const bool as_mta = d->mta == GP_OK && geteuid() == 0;
	const struct gp_socket_try t = { .socket = name_of(d, i),
		.user = as_mta ? d->postfix.mail_owner : NULL,
		.chroot =
		    as_mta && d->postfix.chrooted ? d->postfix.queue_dir : NULL,
		.timeout_ms = TRY_MS };
	struct gp_err err = { .msg = "" };
	enum gp_rc rc = gp_socket_try(&t, &err);

	if (rc != GP_OK) {
		gp_findings_add(d->findings, GP_RED, "sockets", daemon->name,
		    "%s", err.msg);
		say_remedy(d, daemon, &t, rc);
		return;
	}
	gp_findings_add(d->findings, GP_GREEN, "sockets", daemon->name,
	    "%s: %s%s%s%s", t.socket, t.user == NULL ? "we" : t.user,
	    t.user == NULL ? " reach it" : " reaches it",
	    t.chroot == NULL ? "" : " from ", t.chroot == NULL ? "" : t.chroot);
}

void
ctl_doctor_sockets(struct doctor *d)
{
	for (int i = 0; i < CTL_DAEMONS; i++)
		if (d->daemons[i].status != NULL)
			try_socket(d, i);
	if (d->mta == GP_OK && geteuid() != 0) {
		gp_findings_add(d->findings, GP_YELLOW, "sockets", "",
		    "only root can try them as %s does", d->postfix.mail_owner);
		gp_findings_remedy(d->findings, "sudo gatepost doctor");
	}
}

/* -- lists -------------------------------------------------------------- */

static const char *
subject_of(const struct doctor *d, const struct doctor_list *l)
{
	return l->service == NULL
	           ? l->name
	           : gp_arena_printf(d->arena, "%s/%s", l->service, l->name);
}

static bool
asks(const struct doctor_list *l, int daemon)
{
	for (size_t i = 0; i < l->list.n; i++)
		if (l->rank[i] == daemon)
			return true;
	return false;
}

static bool
is_sorted(const struct doctor_list *l)
{
	int last = -1;

	for (size_t i = 0; i < l->list.n; i++) {
		if (l->rank[i] < 0)
			continue;
		if (l->rank[i] <= last)
			return false;
		last = l->rank[i];
	}
	return true;
}

static const char *
names_of(const struct doctor *d, const struct doctor_list *l)
{
	const char *text = "";

	for (size_t i = 0; i < l->list.n; i++)
		if (l->rank[i] >= 0)
			text = gp_arena_printf(d->arena, "%s%s%s", text,
			    *text == '\0' ? "" : ", ",
			    d->daemons[l->rank[i]].name);
	return text;
}

/* The line that puts them in order; postconf -P takes no blanks. */
static void
say_sorted(struct doctor *d, const struct doctor_list *l)
{
	const char *sorted = gp_milter_list_sorted(d->arena, &l->list, l->rank);
	struct gp_buf packed;

	gp_buf_init(&packed, SIZE_MAX);
	if (l->service == NULL)
		gp_buf_adds(&packed, sorted);
	else if (gp_postfix_list_pack(&packed, gp_str(sorted), NULL) != GP_OK)
		gp_buf_adds(&packed, "...");
	gp_findings_remedy(d->findings,
	    "postconf%s %s '%s=%s'\npostfix%s reload", dir_option(d, "-c"),
	    l->service == NULL ? "-e" : "-P", subject_of(d, l),
	    gp_buf_cstr(&packed), dir_option(d, "-c"));
	gp_buf_clear(&packed);
}

static void
find_order(struct doctor *d, const struct doctor_list *l)
{
	gp_findings_add(d->findings, GP_RED, "postfix", subject_of(d, l),
	    "asks %s: the order is spf, dkim, dmarc, rate", names_of(d, l));
	say_sorted(d, l);
}

/* A list that has some of ours should have each one that runs and that it can
 * use: what is not of SMTP is only signed and limited. */
static void
find_missing(struct doctor *d, const struct doctor_list *l)
{
	const bool local = strcmp(l->name, "non_smtpd_milters") == 0;
	const char *missing = "";

	for (int i = 0; i < CTL_DAEMONS; i++)
		if (d->daemons[i].status != NULL && !asks(l, i) &&
		    (!local || i == DKIM) && (l->service == NULL || i >= DKIM))
			missing = gp_arena_printf(d->arena, "%s%s%s", missing,
			    *missing == '\0' ? "" : ", ", d->daemons[i].name);
	if (*missing == '\0' && is_sorted(l)) {
		gp_findings_add(d->findings, GP_GREEN, "postfix",
		    subject_of(d, l), "asks %s", names_of(d, l));
		return;
	}
	if (*missing == '\0')
		return;
	gp_findings_add(d->findings, GP_YELLOW, "postfix", subject_of(d, l),
	    "does not ask %s", missing);
	gp_findings_remedy(d->findings, "gatepost postfix enable%s",
	    dir_option(d, "--config-dir"));
}

static void
find_list(struct doctor *d, const struct doctor_list *l)
{
	const char *path;

	if (!is_sorted(l))
		find_order(d, l);
	if (*names_of(d, l) != '\0')
		find_missing(d, l);
	for (size_t i = 0; i < l->list.n; i++) {
		path = path_of(l->list.v[i].socket);
		if (l->rank[i] >= 0 || path == NULL ||
		    strstr(path, "gatepost") == NULL)
			continue;
		gp_findings_add(d->findings, GP_RED, "postfix",
		    subject_of(d, l), "%s is the socket of no daemon of ours",
		    l->list.v[i].socket);
		gp_findings_remedy(d->findings,
		    "gatepost postfix disable, then gatepost postfix enable");
	}
}

void
ctl_doctor_postfix(struct doctor *d)
{
	bool any = false;

	if (d->mta != GP_OK) {
		gp_findings_add(d->findings, GP_YELLOW, "postfix", "",
		    "no Postfix here, the MTA was not looked at: %s",
		    d->mta_why);
		if (d->mta != GP_NONE)
			gp_findings_remedy(d->findings, "postfix check");
		return;
	}
	for (size_t i = 0; i < d->n_lists; i++) {
		find_list(d, &d->lists[i]);
		any |= *names_of(d, &d->lists[i]) != '\0';
	}
	if (any)
		return;
	gp_findings_add(d->findings, GP_RED, "postfix", "smtpd_milters",
	    "Postfix asks none of the daemons");
	gp_findings_remedy(d->findings, "gatepost postfix enable%s",
	    dir_option(d, "--config-dir"));
}
