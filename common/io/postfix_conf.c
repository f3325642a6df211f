/* See postfix_conf.h. */
#include "io/postfix_conf.h"

#include "io/run.h"

#include <string.h>

#define CALL_MS  30000
#define ARGS_MAX 60

#define INSTANCES_MAX 128 /* what is beyond is left out */

/* -- its programs ------------------------------------------------------ */

/* The last line says what made it give up; warnings come before. */
static struct gp_str
last_line(const struct gp_run_result *r)
{
	struct gp_str text = gp_str_trim(gp_buf_str(&r->err));
	struct gp_str line = { .n = 0 };

	if (text.n == 0)
		text = gp_str_trim(gp_buf_str(&r->out));
	while (text.p != NULL)
		line = gp_str_split(&text, '\n');
	return line;
}

static enum gp_rc
call(const struct gp_run *what, struct gp_run_result *r, struct gp_err *err)
{
	enum gp_rc rc = gp_run(what, r, err);

	if (rc == GP_OK && r->code != 0) {
		struct gp_str why = last_line(r);

		if (why.n == 0)
			why = GP_STR("it has logged why");
		rc = gp_fail(err, GP_PERM, "%s: exit code %d: %.*s",
		    what->argv[0], r->code, GP_STR_ARG(why));
	}
	return rc;
}

enum gp_rc
gp_postfix_call(const struct gp_postfix *p, const char *program,
    const char *const *args, const char **out, struct gp_err *err)
{
	const char *argv[ARGS_MAX + 4] = { program, "-c", p->config_dir };
	const struct gp_run what = { .argv = argv, .timeout_ms = CALL_MS };
	struct gp_run_result r;
	enum gp_rc rc;
	size_t n = 0;

	for (; args[n] != NULL; n++) {
		if (n == ARGS_MAX)
			return gp_fail(err, GP_PERM,
			    "%s: more than %d arguments", program, ARGS_MAX);
		argv[3 + n] = args[n];
	}
	rc = call(&what, &r, err);
	if (rc == GP_OK && out != NULL)
		*out = gp_arena_strdup(p->arena, gp_buf_cstr(&r.out));
	gp_run_clear(&r);
	return rc;
}

/* -- what it is -------------------------------------------------------- */

static enum gp_rc
read_services(struct gp_postfix *p, const char *level, struct gp_err *err)
{
	static const char *const services_args[] = { "-M", NULL };
	static const char *const overrides_args[] = { "-P", NULL };
	const char *services = "", *overrides = "";
	enum gp_rc rc =
	    gp_postfix_call(p, "postconf", services_args, &services, err);

	if (rc == GP_OK)
		rc = gp_postfix_call(p, "postconf", overrides_args, &overrides,
		    err);
	if (rc != GP_OK)
		return rc;
	gp_postfix_services_read(p->arena, gp_str(services), gp_str(overrides),
	    &p->services);
	p->chrooted = gp_postfix_chrooted(&p->services, level);
	return GP_OK;
}

/* postconf answers in the order of the names, a line each. */
static enum gp_rc
read_answer(struct gp_postfix *p, struct gp_str text, struct gp_err *err)
{
	const char *level = "";
	const char **const values[] = { &p->config_dir, &p->queue_dir,
		&p->mail_owner, &p->version, &level };

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		struct gp_str line = gp_str_split(&text, '\n');

		*values[i] = gp_arena_strndup(p->arena,
		    line.n == 0 ? "" : line.p, line.n);
	}
	if (p->config_dir[0] != '/' || p->queue_dir[0] != '/' ||
	    p->mail_owner[0] == '\0')
		return gp_fail(err, GP_PERM,
		    "postconf: no queue_directory and mail_owner from it");
	return read_services(p, level, err);
}

enum gp_rc
gp_postfix_open(struct gp_arena *arena, const char *config_dir,
    struct gp_postfix *out, struct gp_err *err)
{
	static const char *const names[] = { "-x", "-h", "config_directory",
		"queue_directory", "mail_owner", "mail_version",
		"compatibility_level", NULL };
	const char *argv[12] = { "postconf" };
	const struct gp_run what = { .argv = argv, .timeout_ms = CALL_MS };
	struct gp_run_result r;
	size_t n = 1;
	enum gp_rc rc;

	*out = (struct gp_postfix){ .arena = arena };
	if (config_dir != NULL) {
		argv[n++] = "-c";
		argv[n++] = config_dir;
	}
	memcpy(&argv[n], names, sizeof(names));
	rc = call(&what, &r, err);
	if (rc == GP_PERM &&
	    strstr(gp_buf_cstr(&r.err), "No such file or directory") != NULL)
		rc = GP_NONE;
	if (rc == GP_OK)
		rc = read_answer(out, gp_buf_str(&r.out), err);
	gp_run_clear(&r);
	return rc;
}

/* The last word of each line is a folder. */
enum gp_rc
gp_postfix_instances(struct gp_arena *arena, struct gp_strings *out,
    struct gp_err *err)
{
	static const char *const argv[] = { "postmulti", "-l", NULL };
	const struct gp_run what = { .argv = argv, .timeout_ms = CALL_MS };
	struct gp_run_result r;
	enum gp_rc rc = call(&what, &r, err);
	struct gp_str text = gp_buf_str(&r.out);
	const char **v =
	    gp_arena_alloc(arena, INSTANCES_MAX * sizeof(const char *));
	size_t n = 0;

	while (rc == GP_OK && text.p != NULL && n < INSTANCES_MAX) {
		struct gp_str line = gp_str_trim(gp_str_split(&text, '\n'));
		const size_t from = gp_str_find(line, '/');

		if (from < line.n)
			v[n++] = gp_arena_strndup(arena, line.p + from,
			    line.n - from);
	}
	gp_run_clear(&r);
	*out = (struct gp_strings){ .n = n, .v = v };
	return rc;
}

enum gp_rc
gp_postfix_get(const struct gp_postfix *p, const char *name, const char **value,
    struct gp_err *err)
{
	const char *argv[] = { "postconf", "-c", p->config_dir, "-h", name,
		NULL };
	const struct gp_run what = { .argv = argv, .timeout_ms = CALL_MS };
	struct gp_run_result r;
	enum gp_rc rc = call(&what, &r, err);

	if (rc == GP_OK && r.out.n == 0)
		rc = gp_fail(err, GP_NONE, "%s: Postfix has no such parameter",
		    name);
	if (rc == GP_OK) {
		struct gp_str text = gp_str_trim(gp_buf_str(&r.out));

		*value = gp_arena_strndup(p->arena, text.p, text.n);
	}
	gp_run_clear(&r);
	return rc;
}

/* "... unused parameter: NAME=VALUE": postconf -n shows the others only. */
static void
read_unused(struct gp_postfix_items *items, struct gp_str text)
{
	static const char mark[] = "main.cf: unused parameter: ";

	while (text.p != NULL) {
		struct gp_str line = gp_str_split(&text, '\n');
		const char *at = line.n == 0 ? NULL
		                             : memmem(line.p, line.n, mark,
						   sizeof(mark) - 1);

		if (at == NULL)
			continue;
		at += sizeof(mark) - 1;
		gp_postfix_items_read(items,
		    gp_str_n(at, (size_t)(line.p + line.n - at)));
	}
}

enum gp_rc
gp_postfix_settings(const struct gp_postfix *p, struct gp_postfix_items *items,
    struct gp_err *err)
{
	const char *argv[] = { "postconf", "-c", p->config_dir, "-n", NULL };
	const struct gp_run what = { .argv = argv, .timeout_ms = CALL_MS };
	struct gp_run_result r;
	enum gp_rc rc = call(&what, &r, err);

	gp_postfix_items_init(items, p->arena);
	if (rc == GP_OK) {
		gp_postfix_items_read(items, gp_buf_str(&r.out));
		read_unused(items, gp_buf_str(&r.err));
	}
	gp_run_clear(&r);
	return rc;
}
