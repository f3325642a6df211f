/* See changes.h. */
#include "changes.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

void
ml_changes_init(struct ml_changes *c, const struct ml_options *o)
{
	memset(c, 0, sizeof *c);
	c->o = o;
	ml_header_init(&c->header);
}

void
ml_changes_clear(struct ml_changes *c)
{
	ml_header_clear(&c->header);
}

void
ml_changes_start(struct ml_changes *c, const struct ml_mail *mail)
{
	ml_header_start(&c->header, mail);
	c->matched = 0;
	c->held = false;
	c->reply[0] = c->added[0] = '\0';
}

enum gp_rc
ml_changes_reply(struct ml_changes *c, const struct ml_packet *p,
    struct gp_err *err)
{
	struct gp_str data = p->data;
	const char *text;

	if (!ml_take_string(&data, &text) || (*text != '4' && *text != '5'))
		return gp_fail(err, GP_PERM, "a broken SMTP reply");
	(void)snprintf(c->reply, sizeof c->reply, "%s", text);
	return GP_OK;
}

/* A field was added: is it one that is waited for? */
static void
note_header(struct ml_changes *c, const char *name, const char *value)
{
	const struct ml_expected_header *wanted = c->o->header;

	for (size_t i = 0; i < c->o->n_headers; i++)
		if (strcasecmp(wanted[i].name, name) == 0 &&
		    strstr(value, wanted[i].part) != NULL)
			c->matched |= 1U << i;
	(void)snprintf(c->added, sizeof c->added, "%s:%s", name, value);
}

/* Insert (i), add (h) or change (m) a header field. */
static enum gp_rc
edit_header(struct ml_changes *c, const struct ml_conn *conn,
    const struct ml_packet *p, struct gp_err *err)
{
	struct gp_str data = p->data;
	const char *name, *value;
	uint32_t index = 0;

	if ((p->command != 'h' && !ml_take_u32(&data, &index)) ||
	    !ml_take_string(&data, &name) || !ml_take_string(&data, &value) ||
	    *name == '\0')
		return gp_fail(err, GP_PERM, "a broken header edit");
	if (*value != '\0' && (conn->steps & ML_LEADING_SPACE) == 0)
		value = gp_arena_printf(c->header.arena, " %s", value);
	/* Postfix counts its own Received field, which no filter sees. */
	if (p->command == 'i')
		ml_header_insert(&c->header, index > 0 ? index - 1 : 0, name,
		    value);
	else if (p->command == 'h')
		ml_header_insert(&c->header, c->header.n, name, value);
	else
		ml_header_change(&c->header, index, name, value);
	if (*value != '\0')
		note_header(c, name, value);
	return GP_OK;
}

/* The action that a filter must have asked for to send this; 0: unknown. */
static uint32_t
action_of(char command)
{
	switch (command) {
	case 'h':
	case 'i':
		return ML_ADD_HEADER;
	case 'm':
		return ML_CHANGE_HEADER;
	case 'q':
		return ML_QUARANTINE;
	case '+':
		return ML_ADD_RCPT;
	case '2':
		return ML_ADD_RCPT_PARAMETERS;
	case '-':
		return ML_DELETE_RCPT;
	case 'e':
		return ML_CHANGE_FROM;
	case 'b':
		return ML_CHANGE_BODY;
	default:
		return 0;
	}
}

enum gp_rc
ml_changes_apply(struct ml_changes *c, const struct ml_conn *conn,
    const struct ml_packet *p, struct gp_err *err)
{
	uint32_t action = action_of(p->command);

	if (action == 0)
		return gp_fail(err, GP_PERM, "an unknown answer, '%c'",
		    p->command);
	if ((conn->actions & action) == 0)
		return gp_fail(err, GP_PERM,
		    "an edit that was not negotiated, '%c'", p->command);
	if ((action & (ML_ADD_HEADER | ML_CHANGE_HEADER)) != 0)
		return edit_header(c, conn, p, err);
	if (action == ML_QUARANTINE)
		c->held = true;
	return GP_OK;
}

const char *
ml_changes_missing(const struct ml_changes *c)
{
	for (size_t i = 0; i < c->o->n_headers; i++)
		if ((c->matched & 1U << i) == 0)
			return c->o->header[i].name;
	return "";
}

bool
ml_changes_complete(const struct ml_changes *c)
{
	return *ml_changes_missing(c) == '\0' &&
	       (c->o->reply == NULL || strstr(c->reply, c->o->reply) != NULL);
}
