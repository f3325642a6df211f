/* gatepost postfix enable: all of it, or nothing.
 *
 * What can fail without a change is done first.  Then each step leaves a mark
 * in struct change, and a failure takes back what is marked.
 */
#include "ctl/postfix.h"
#include "io/clock.h"
#include "io/postfix_place.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

struct change {
	struct ctl_postfix *x;
	struct gp_postfix_wish wish;
	struct gp_postfix_draft draft;
	const char *main_backup, *master_backup;
	bool joined;
	const char *mounted; /* the unit; NULL: none */
	bool checked;        /* Postfix agrees */
	bool remembered;     /* the new state is in place of the old */
	bool reloaded;
};

/* -- the daemons ---------------------------------------------------------- */

/* A daemon that is not on this host is left out, unless it was asked for. */
static bool
is_installed(const struct change *c, const char *daemon)
{
	const char *folder =
	    gp_arena_printf(c->x->arena, "%s/%s", c->wish.socket_dir, daemon);
	const char *program =
	    gp_arena_printf(c->x->arena, "/usr/sbin/gatepost-%s", daemon);

	return access(folder, F_OK) == 0 || access(program, F_OK) == 0;
}

static int
leave_out(struct change *c)
{
	bool some = false;

	if (ctl_option(c->x->args, "--only") != NULL)
		return 0;
	for (size_t d = 0; d < GP_POSTFIX_DAEMONS; d++) {
		const char *name = gp_postfix_daemons[d];

		if (!gp_postfix_wish_has(&c->wish, d))
			continue;
		if (is_installed(c, name)) {
			some = true;
			continue;
		}
		c->wish.daemons[d] = false;
		gp_buf_addf(&c->x->notes,
		    "gatepost-%s: it is not installed, and left out\n", name);
	}
	return some ? 0
	            : ctl_fail(EX_UNAVAILABLE,
			  "no daemon of gatepost is installed: nothing in %s",
			  c->wish.socket_dir);
}

/* The socket, with what we may do about it done. */
static enum gp_rc
reach(struct change *c, const char *socket, struct gp_err *err)
{
	const struct gp_postfix *p = &c->x->p;
	const char *unit;
	bool inside;
	enum gp_rc rc = gp_postfix_reach(p, socket, &inside, err), fixed;

	if (rc == GP_PERM && !inside && !c->joined) {
		fixed = gp_postfix_join(p, err);
		if (fixed != GP_OK && fixed != GP_NONE)
			return fixed;
		c->joined = fixed == GP_OK;
		if (c->joined)
			rc = gp_postfix_reach(p, socket, &inside, err);
	}
	if (rc == GP_NONE && inside && c->mounted == NULL) {
		fixed = gp_postfix_mount(p, c->wish.socket_dir, &unit, err);
		if (fixed != GP_OK)
			return fixed;
		c->mounted = unit;
		rc = gp_postfix_reach(p, socket, &inside, err);
	}
	return rc;
}

static enum gp_rc
reach_all(struct change *c, struct gp_err *err)
{
	for (size_t d = 0; d < GP_POSTFIX_DAEMONS; d++) {
		const char *name = gp_postfix_daemons[d];
		const char *socket;
		enum gp_rc rc;

		if (!gp_postfix_wish_has(&c->wish, d))
			continue;
		socket = gp_arena_printf(c->x->arena, "unix:%s/%s/milter.sock",
		    c->wish.socket_dir, name);
		rc = reach(c, socket, err);
		if (rc != GP_OK) {
			struct gp_err why = *err;

			return gp_fail(err, rc, "gatepost-%s: %s", name,
			    why.msg);
		}
	}
	return GP_OK;
}

/* -- the plan ---------------------------------------------------------------
 */

static int
make_draft(struct change *c)
{
	struct ctl_postfix *x = c->x;
	const struct gp_postfix_now now = ctl_postfix_now(x);
	struct gp_err err;
	enum gp_rc rc;

	if (gp_postfix_plan_enable(&now, &c->wish, x->arena, &x->plan, &err) !=
	    GP_OK)
		return ctl_fail(EX_CONFIG, "%s", err.msg);
	rc = gp_postfix_draft_open(&x->p, &c->draft, &err);
	if (rc == GP_OK)
		rc = gp_postfix_draft_apply(&c->draft, &c->draft.main,
		    &x->plan.items, &err);
	if (rc == GP_OK)
		rc = gp_postfix_draft_apply(&c->draft, &c->draft.master,
		    &x->plan.items, &err);
	if (rc == GP_OK)
		rc = gp_postfix_draft_check(&c->draft, &err);
	return rc == GP_OK ? 0 : ctl_fail(ctl_postfix_code(rc), "%s", err.msg);
}

/* -- what is remembered --------------------------------------------------- */

/* Has gatepost written to this file before? */
static bool
is_written(const struct change *c, const struct gp_postfix_file *file)
{
	const struct gp_postfix_items *items = &c->x->memory.state.items;
	const bool master = file == &c->draft.master;

	for (size_t i = 0; i < items->n; i++)
		if ((items->v[i].service != NULL) == master)
			return true;
	return false;
}

/* The backup of the first time stays the one to go back to, as long as nobody
 * else has changed the file. */
static struct gp_postfix_kept
keep(const struct change *c, const struct gp_postfix_kept *was,
    const struct gp_postfix_file *file, const char *backup)
{
	struct gp_postfix_kept kept = { .backup = NULL };

	if (is_written(c, file)) {
		if (was->after != NULL && strcmp(was->after, file->before) == 0)
			kept = *was;
	} else if (backup != NULL) {
		kept.backup = backup;
		kept.before = file->before;
	}
	if (kept.backup != NULL)
		kept.after = file->after;
	return kept;
}

static struct gp_postfix_state
state_after(const struct change *c)
{
	const struct gp_postfix_state *was = &c->x->memory.state;
	struct gp_postfix_state s = { .config_dir = c->x->p.config_dir,
		.main = keep(c, &was->main, &c->draft.main, c->main_backup),
		.master =
		    keep(c, &was->master, &c->draft.master, c->master_backup),
		.member = c->joined ? GP_POSTFIX_GROUP : was->member,
		.mount = c->mounted != NULL ? c->mounted : was->mount };

	gp_postfix_items_init(&s.items, c->x->arena);
	for (size_t i = 0; i < c->x->plan.items.n; i++)
		if (c->x->plan.items.v[i].after != NULL)
			gp_postfix_items_add(&s.items, &c->x->plan.items.v[i]);
	return s;
}

/* -- the change -------------------------------------------------------------
 */

static enum gp_rc
back_up(struct change *c, struct gp_err *err)
{
	const int64_t now = gp_clock_wall_s();
	enum gp_rc rc = GP_OK;

	if (gp_postfix_file_changes(&c->draft.main))
		rc = gp_postfix_file_backup(&c->draft, &c->draft.main, now,
		    &c->main_backup, err);
	if (rc == GP_OK && gp_postfix_file_changes(&c->draft.master))
		rc = gp_postfix_file_backup(&c->draft, &c->draft.master, now,
		    &c->master_backup, err);
	return rc;
}

static enum gp_rc
install(struct change *c, struct gp_err *err)
{
	static const char *const check[] = { "check", NULL };
	const struct gp_postfix_state before = c->x->memory.state;
	enum gp_rc rc = back_up(c, err);

	if (rc == GP_OK)
		rc = gp_postfix_file_install(&c->draft, &c->draft.main, err);
	if (rc == GP_OK)
		rc = gp_postfix_file_install(&c->draft, &c->draft.master, err);
	if (rc == GP_OK)
		rc = gp_postfix_call(&c->x->p, "postfix", check, NULL, err);
	if (rc != GP_OK)
		return rc;
	c->checked = true;
	c->x->memory.state = state_after(c);
	rc = gp_postfix_remember(&c->x->memory, err);
	c->remembered = rc == GP_OK;
	if (rc == GP_OK) {
		rc = ctl_postfix_reload(c->x, err);
		c->reloaded = rc == GP_OK;
		rc = rc == GP_NONE ? GP_OK : rc;
	}
	if (rc != GP_OK)
		c->x->memory.state = before;
	return rc;
}

static void
remove_backup(const struct change *c, const char *name)
{
	if (name != NULL)
		(void)unlink(gp_arena_printf(c->x->arena, "%s/%s",
		    c->x->p.config_dir, name));
}

/* Say what can not be taken back, and go on. */
static void
say(enum gp_rc rc, const struct gp_err *err)
{
	if (rc != GP_OK && rc != GP_NONE)
		(void)ctl_fail(0, "taking it back: %s", err->msg);
}

static void
roll_back(struct change *c)
{
	struct ctl_postfix *x = c->x;
	struct gp_err err;

	say(gp_postfix_file_revert(&c->draft, &c->draft.master, &err), &err);
	say(gp_postfix_file_revert(&c->draft, &c->draft.main, &err), &err);
	if (c->remembered && x->memory.known)
		say(gp_postfix_remember(&x->memory, &err), &err);
	else if (c->remembered)
		gp_postfix_forget(&x->memory);
	if (c->mounted != NULL)
		say(gp_postfix_unmount(&x->p, c->mounted, &err), &err);
	if (c->joined)
		say(gp_postfix_leave(&x->p, &err), &err);
	if (c->checked)
		say(ctl_postfix_reload(x, &err), &err);
	/* a file that could not be reverted needs its backup */
	if (!c->draft.main.installed)
		remove_backup(c, c->main_backup);
	if (!c->draft.master.installed)
		remove_backup(c, c->master_backup);
}

/* A terminal that is closed in the middle must not leave half of it. */
static enum gp_rc
change(struct change *c, struct gp_err *err)
{
	sigset_t stop, old;
	enum gp_rc rc;

	(void)sigemptyset(&stop);
	(void)sigaddset(&stop, SIGINT);
	(void)sigaddset(&stop, SIGTERM);
	(void)sigaddset(&stop, SIGHUP);
	(void)pthread_sigmask(SIG_BLOCK, &stop, &old);
	rc = reach_all(c, err);
	if (rc == GP_OK)
		rc = install(c, err);
	if (rc != GP_OK)
		roll_back(c);
	(void)pthread_sigmask(SIG_SETMASK, &old, NULL);
	return rc;
}

/* -- what is said
 * -------------------------------------------------------------- */

static void
print_done(const struct change *c)
{
	const struct gp_postfix *p = &c->x->p;
	const char *others = ctl_postfix_instances(c->x);

	if (c->main_backup != NULL)
		(void)printf("backup: %s/%s\n", p->config_dir, c->main_backup);
	if (c->master_backup != NULL)
		(void)printf("backup: %s/%s\n", p->config_dir,
		    c->master_backup);
	if (c->joined)
		(void)printf("group: %s is now in %s\n", p->mail_owner,
		    GP_POSTFIX_GROUP);
	if (c->mounted != NULL)
		(void)printf("mount: %s\n", c->mounted);
	for (size_t d = 0; d < GP_POSTFIX_DAEMONS; d++)
		if (gp_postfix_wish_has(&c->wish, d))
			(void)
			    printf("socket: %s reaches %s/%s/milter.sock%s%s\n",
				p->mail_owner, c->wish.socket_dir,
				gp_postfix_daemons[d],
				p->chrooted ? " from inside " : "",
				p->chrooted ? p->queue_dir : "");
	(void)puts(
	    c->reloaded ? "Postfix was reloaded" : "Postfix does not run now");
	if (others[0] != '\0')
		(void)printf("other instances (--all, --config-dir): %s\n",
		    others);
	(void)printf("undo: gatepost postfix disable");
	if (c->x->asked != NULL)
		(void)printf(" --config-dir %s", p->config_dir);
	if (ctl_option(c->x->args, "--state-dir") != NULL)
		(void)printf(" --state-dir %s", c->x->ctl->state_dir);
	(void)putchar('\n');
	(void)puts("next: gatepost tail");
}

/* -- all of it --------------------------------------------------------------
 */

static int
make_change(struct change *c)
{
	struct gp_err err;
	enum gp_rc rc = change(c, &err);

	if (rc != GP_OK)
		return ctl_fail(ctl_postfix_code(rc), "nothing was changed: %s",
		    err.msg);
	print_done(c);
	return 0;
}

/* The files are right; are the sockets in reach? */
static int
mend_place(struct change *c)
{
	struct ctl_postfix *x = c->x;
	struct gp_err err;
	enum gp_rc rc = reach_all(c, &err);

	if (rc == GP_OK && (c->joined || c->mounted != NULL)) {
		x->memory.state = state_after(c);
		rc = gp_postfix_remember(&x->memory, &err);
		if (rc == GP_OK)
			rc = ctl_postfix_reload(x, &err);
		rc = rc == GP_NONE ? GP_OK : rc;
	}
	if (rc != GP_OK)
		return ctl_fail(ctl_postfix_code(rc),
		    "enabled already in %s, but %s", x->p.config_dir, err.msg);
	(void)printf("enabled already in %s: nothing to change\n",
	    x->p.config_dir);
	return 0;
}

static int
enable(struct change *c)
{
	const bool dry = ctl_option(c->x->args, "--dry-run") != NULL;
	struct gp_err err;
	enum gp_rc rc;
	int code = leave_out(c);

	if (code != 0)
		return code;
	if (!dry && geteuid() != 0)
		return ctl_fail(EX_NOPERM,
		    "only root can change %s; --dry-run shows what would be",
		    c->x->p.config_dir);
	if (!dry) {
		rc = gp_postfix_memory_hold(&c->x->memory, &err);
		if (rc != GP_OK)
			return ctl_fail(rc == GP_TEMP ? EX_TEMPFAIL : EX_NOPERM,
			    "%s", err.msg);
	}
	code = make_draft(c);
	if (code != 0)
		return code;
	if (!gp_postfix_file_changes(&c->draft.main) &&
	    !gp_postfix_file_changes(&c->draft.master) && !dry)
		return mend_place(c);
	code = ctl_postfix_print_plan(c->x, &c->draft);
	return code != 0 || dry ? code : make_change(c);
}

struct asked {
	const struct ctl *ctl;
	const struct ctl_args *args;
	struct gp_postfix_wish wish;
};

static int
enable_one(void *context, const char *dir)
{
	const struct asked *a = context;
	struct ctl_postfix x;
	struct change c = { .x = &x, .wish = a->wish };
	int code = ctl_postfix_open(&x, a->ctl, a->args, dir);

	if (code == 0)
		code = enable(&c);
	gp_postfix_draft_close(&c.draft);
	ctl_postfix_close(&x);
	return code;
}

int
ctl_postfix_enable(const struct ctl *ctl, const struct ctl_args *args)
{
	struct asked a = { .ctl = ctl, .args = args };
	int code = ctl_postfix_wish(ctl, args, &a.wish);

	return code != 0 ? code : ctl_postfix_each(args, false, enable_one, &a);
}
