/* See key_edit.h. */
#include "ctl/key_edit.h"

#include "io/policy_file.h"
#include "io/text_file.h"

#include <sysexits.h>

#define FILE_MODE 0644

int
ctl_key_edit_begin(struct ctl_key_edit *e, struct ctl_key_call *call,
    const char *new_file)
{
	struct gp_err err;
	enum gp_rc rc;

	*e = (struct ctl_key_edit){ .call = call,
		.file = new_file,
		.is_new = new_file != NULL };
	if (e->is_new)
		return 0;
	e->file = call->block->origin.file;
	rc = gp_text_file_read(e->file, GP_CONFIG_FILE_MAX, call->arena,
	    &e->was, &err);
	e->text = e->was;
	return rc == GP_OK ? 0 : ctl_fail(ctl_key_code(rc), "%s", err.msg);
}

/* Take what was made of the text. */
static int
take(struct ctl_key_edit *e, enum gp_rc rc, struct gp_buf *out,
    const char *what)
{
	if (rc == GP_OK)
		e->text = gp_arena_dup(e->call->arena, gp_buf_str(out));
	gp_buf_clear(out);
	if (rc == GP_OK)
		return 0;
	return ctl_fail(EX_CONFIG,
	    "%s: the place for %s is not found; write it by hand", e->file,
	    what);
}

int
ctl_key_edit_set(struct ctl_key_edit *e, const char *selector, const char *name,
    const char *value)
{
	const struct gp_policy_key key = { .text = e->text,
		.domain = e->call->domain,
		.selector = selector };
	struct gp_buf out;
	enum gp_rc rc;

	gp_buf_init(&out, SIZE_MAX);
	rc = value == NULL ? gp_policy_edit_remove(&key, name, &out)
	                   : gp_policy_edit_set(&key, name, value, &out);
	return take(e, rc, &out, name);
}

int
ctl_key_edit_add(struct ctl_key_edit *e, const char *statement)
{
	const struct gp_policy_key key = { .text = e->text,
		.domain = e->call->domain };
	struct gp_buf out;
	enum gp_rc rc;

	gp_buf_init(&out, SIZE_MAX);
	rc = gp_policy_edit_add(&key, statement, &out);
	return take(e, rc, &out, statement);
}

int
ctl_key_edit_check(const struct ctl_key_edit *e)
{
	const struct gp_policy_instead instead = { .path = e->file,
		.text = e->text };
	struct gp_config *config = NULL;
	struct gp_problems problems;
	enum gp_rc rc;

	gp_problems_init(&problems);
	rc = gp_policy_load_with(e->call->ctl->config, &instead, &config,
	    &problems);
	if (rc != GP_OK)
		(void)ctl_fail(0,
		    "%s is left as it is, for with the change:", e->file);
	(void)fputs(gp_buf_cstr(&problems.text), stderr);
	gp_problems_clear(&problems);
	gp_config_unref(config);
	return rc == GP_OK ? 0 : EX_CONFIG;
}

int
ctl_key_edit_write(const struct ctl_key_edit *e)
{
	struct gp_err err;
	enum gp_rc rc;

	if (e->is_new)
		rc = gp_text_file_create(e->file, e->text, FILE_MODE,
		    GP_KEEP_GROUP, &err);
	else
		rc = gp_text_file_replace(e->file, e->was, e->text, &err);
	if (rc == GP_OK)
		return 0;
	if (rc == GP_NONE && !e->is_new)
		rc = GP_TEMP;
	return ctl_fail(ctl_key_code(rc), "%s", err.msg);
}
