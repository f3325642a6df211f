/* See yaml.h. */
#include "io/yaml.h"

#include <string.h>
#include <yaml.h>

struct reading {
	yaml_parser_t parser;
	struct gp_arena *arena;
	struct gp_import_node *root;
	struct gp_import_node *open[GP_YAML_DEPTH_MAX];
	struct gp_import_node *last[GP_YAML_DEPTH_MAX];
	unsigned depth;
	size_t nodes;
};

static enum gp_rc
fail(const yaml_mark_t *mark, struct gp_err *err, const char *why)
{
	return gp_fail(err, GP_PERM, "%zu: %s", mark->line + 1, why);
}

/* A node below the one that is open. */
static struct gp_import_node *
add(struct reading *r, enum gp_import_shape shape, const yaml_event_t *e)
{
	struct gp_import_node *node = gp_arena_alloc(r->arena, sizeof(*node));

	node->shape = shape;
	node->line = (unsigned)e->start_mark.line + 1;
	r->nodes++;
	if (r->depth == 0) {
		r->root = r->root == NULL ? node : r->root;
		return node;
	}
	if (r->last[r->depth - 1] == NULL)
		r->open[r->depth - 1]->first = node;
	else
		r->last[r->depth - 1]->next = node;
	r->last[r->depth - 1] = node;
	return node;
}

static enum gp_rc
add_scalar(struct reading *r, const yaml_event_t *e, struct gp_err *err)
{
	const char *text = (const char *)e->data.scalar.value;
	size_t n = e->data.scalar.length;
	struct gp_import_node *node;

	if (e->data.scalar.anchor != NULL || memchr(text, '\0', n) != NULL)
		return fail(&e->start_mark, err, "an anchor, or no text");
	node = add(r, GP_IMPORT_SCALAR, e);
	node->text = gp_arena_strndup(r->arena, text, n);
	node->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	return GP_OK;
}

static enum gp_rc
open_node(struct reading *r, const yaml_event_t *e, struct gp_err *err)
{
	bool list = e->type == YAML_SEQUENCE_START_EVENT;
	const void *anchor =
	    list ? e->data.sequence_start.anchor : e->data.mapping_start.anchor;
	struct gp_import_node *node;

	if (anchor != NULL)
		return fail(&e->start_mark, err, "an anchor");
	if (r->depth == GP_YAML_DEPTH_MAX)
		return fail(&e->start_mark, err, "nested too deep");
	node = add(r, list ? GP_IMPORT_LIST : GP_IMPORT_MAP, e);
	r->open[r->depth] = node;
	r->last[r->depth++] = NULL;
	return GP_OK;
}

static enum gp_rc
take(struct reading *r, const yaml_event_t *e, struct gp_err *err)
{
	if (r->nodes > GP_YAML_NODES_MAX)
		return fail(&e->start_mark, err, "too many values");
	if (e->type == YAML_SCALAR_EVENT)
		return add_scalar(r, e, err);
	if (e->type == YAML_SEQUENCE_START_EVENT ||
	    e->type == YAML_MAPPING_START_EVENT)
		return open_node(r, e, err);
	if (e->type == YAML_SEQUENCE_END_EVENT ||
	    e->type == YAML_MAPPING_END_EVENT)
		r->depth--;
	if (e->type == YAML_ALIAS_EVENT)
		return fail(&e->start_mark, err, "an alias");
	return GP_OK;
}

static enum gp_rc
read_events(struct reading *r, struct gp_err *err)
{
	enum gp_rc rc = GP_OK;
	bool more = true;

	while (more && rc == GP_OK) {
		yaml_event_t e;

		if (yaml_parser_parse(&r->parser, &e) == 0)
			return fail(&r->parser.problem_mark, err,
			    r->parser.problem == NULL ? "no YAML"
						      : r->parser.problem);
		rc = take(r, &e, err);
		more = e.type != YAML_DOCUMENT_END_EVENT &&
		       e.type != YAML_STREAM_END_EVENT;
		yaml_event_delete(&e);
	}
	return rc;
}

enum gp_rc
gp_yaml_read(struct gp_str text, struct gp_arena *arena,
    struct gp_import_node **out, struct gp_err *err)
{
	struct reading r = { .arena = arena };
	enum gp_rc rc;

	*out = NULL;
	if (yaml_parser_initialize(&r.parser) == 0)
		return gp_fail(err, GP_TEMP, "0: no memory");
	yaml_parser_set_input_string(&r.parser,
	    (const unsigned char *)(text.n == 0 ? "" : text.p), text.n);
	rc = read_events(&r, err);
	yaml_parser_delete(&r.parser);
	if (rc != GP_OK)
		return rc;
	*out = r.root;
	return r.root == NULL ? GP_NONE : GP_OK;
}
