/*
 * The first octet chooses: the rest is one address list, or a header of which
 * each line (up to an octet 0xff) is a field, From when it begins with "F".
 *
 * Oracles: a list that was read, written in the plainest form, reads back as
 * itself, also with comments and folds wherever they may stand; domains are
 * in their one spelling; nothing is read without an "@" for each mailbox; at
 * most one Author Domain, and it is the one of every mailbox.
 */
#include "base/buf.h"
#include "core/domain.h"
#include "core/mailbox.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_err(const struct gp_err *err)
{
	assert(err->msg[0] != '\0');
	for (const char *p = err->msg; *p != '\0'; p++)
		assert(gp_is_print(*p));
}

static void
check_mailbox(const struct gp_mailbox *m)
{
	char domain[GP_DOMAIN_TEXT];

	assert(m->local.n <= GP_LOCAL_PART_MAX && gp_str_is_utf8(m->local));
	for (size_t i = 0; i < m->local.n; i++)
		assert((unsigned char)m->local.p[i] >= 0x20 ||
		       m->local.p[i] == '\t');
	assert(m->is_literal == (m->domain[0] == '['));
	if (m->is_literal)
		return;
	assert(gp_domain_normalize(gp_str(m->domain), domain, NULL) == GP_OK);
	assert(strcmp(domain, m->domain) == 0);
}

/* `blank` is put wherever the grammar has CFWS. */
static void
write_list(const struct gp_mailboxes *list, const char *blank,
    struct gp_buf *out)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct gp_mailbox *m = &list->v[i];

		gp_buf_addf(out, "%s%s<%s\"", i == 0 ? "" : ",", blank, blank);
		for (size_t j = 0; j < m->local.n; j++) {
			char c = m->local.p[j];

			if (c == '"' || c == '\\')
				gp_buf_addc(out, '\\');
			gp_buf_addc(out, c);
		}
		gp_buf_addf(out, "\"%s@%s%s%s>%s", blank, blank, m->domain,
		    blank, blank);
	}
	assert(!out->overflow);
}

static void
same(const struct gp_mailboxes *a, const struct gp_mailboxes *b)
{
	assert(a->n == b->n);
	for (size_t i = 0; i < a->n; i++) {
		assert(gp_str_eq(a->v[i].local, b->v[i].local));
		assert(strcmp(a->v[i].domain, b->v[i].domain) == 0);
		assert(a->v[i].is_literal == b->v[i].is_literal);
	}
}

static void
check_rewritten(const struct gp_mailboxes *list, const char *blank,
    struct gp_arena *arena)
{
	struct gp_mailboxes again;
	struct gp_buf text;

	gp_buf_init(&text, (size_t)8 * GP_FIELD_MAX);
	write_list(list, blank, &text);
	if (text.n <= GP_FIELD_MAX) {
		assert(gp_mailboxes_parse(gp_buf_str(&text), arena, &again,
			   NULL) == GP_OK);
		same(list, &again);
	}
	gp_buf_clear(&text);
}

static void
check_list(struct gp_str value, struct gp_arena *arena)
{
	struct gp_mailboxes list = { .n = 7 };
	struct gp_err err = { "" };
	enum gp_rc rc = gp_mailboxes_parse(value, arena, &list, &err);
	size_t signs = 0;

	if (rc != GP_OK) {
		assert(list.n == 0 && rc != GP_TEMP);
		check_err(&err);
		return;
	}
	for (size_t i = 0; i < value.n; i++)
		signs += value.p[i] == '@';
	assert(list.n > 0 && list.n <= GP_MAILBOXES_MAX && list.n <= signs);
	for (size_t i = 0; i < list.n; i++)
		check_mailbox(&list.v[i]);
	check_rewritten(&list, "", arena);
	check_rewritten(&list, " (c@d(\\))\r\n \"<) ", arena);
}

static void
check_author(const struct gp_author *a, enum gp_rc rc)
{
	assert(a->n_domains <= a->all.n && a->all.n <= GP_MAILBOXES_MAX);
	assert((rc == GP_OK) == (a->domain != NULL));
	for (size_t i = 0; i < a->n_domains; i++)
		for (size_t j = 0; j < i; j++)
			assert(strcmp(a->domains[i], a->domains[j]) != 0);
	for (size_t i = 0; i < a->all.n; i++) {
		size_t j = 0;

		while (j < a->n_domains &&
		       strcmp(a->all.v[i].domain, a->domains[j]) != 0)
			j++;
		assert(j < a->n_domains);
	}
	if (rc != GP_OK)
		return;
	assert(a->fields == 1 && a->n_domains == 1 && a->all.n > 0);
	assert(strcmp(a->domain, a->domains[0]) == 0 && a->domain[0] != '[');
}

static void
check_header(struct gp_str lines, struct gp_arena *arena)
{
	struct gp_field fields[64];
	struct gp_header h = { .v = fields };
	struct gp_author a;
	struct gp_err err = { "" };
	enum gp_rc rc;
	size_t from = 0;

	while (lines.p != NULL && h.n < 64) {
		struct gp_str line = gp_str_split(&lines, '\xff');
		bool is_from = line.n > 0 && line.p[0] == 'F';

		from += is_from;
		if (is_from)
			line = gp_str_n(line.p + 1, line.n - 1);
		fields[h.n++] =
		    (struct gp_field){ .name = is_from ? GP_STR("From")
			                               : GP_STR("To"),
			    .value = line };
	}
	rc = gp_author_find(&h, arena, &a, &err);
	assert(a.fields == from && (from > 0 || rc == GP_NONE));
	assert(rc != GP_TEMP);
	if (rc != GP_OK)
		check_err(&err);
	check_author(&a, rc);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gp_arena *arena;
	char *block;

	if (size == 0)
		return 0;
	/* libFuzzer's own block is longer by the first octet */
	block = malloc(size == 1 ? 1 : size - 1);
	assert(block != NULL);
	memcpy(block, data + 1, size - 1);
	arena = gp_arena_new();
	if (data[0] == 'H')
		check_header(gp_str_n(block, size - 1), arena);
	else
		check_list(gp_str_n(block, size - 1), arena);
	gp_arena_free(arena);
	free(block);
	return 0;
}
