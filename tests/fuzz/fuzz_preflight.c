/*
 * Three values, parted by empty lines: of List-Unsubscribe, of
 * List-Unsubscribe-Post, of DKIM-Signature.
 *
 * Oracles: a naive reader of the list, that takes out comments and blanks
 * first, agrees; a comment more changes nothing, a field more is one too many,
 * and of a header with fields missing nothing is good for sure; a foreign
 * signature more changes nothing, and none is ours once the key is retired or
 * the block another; every clause is printable.
 */
#include "core/preflight.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct gp_key_policy key = { .selector = "s1",
	.state = GP_KEY_ACTIVE };
static const struct gp_policy block = { .domain = "shop.example",
	.n_keys = 1,
	.keys = &key };

struct input {
	struct gp_str list, post, signature;
};

/* -- the naive reader -------------------------------------------------- */

/* Without comments and blanks; NULL: a comment has no end. */
static char *
strip(struct gp_str in, struct gp_arena *arena)
{
	char *out = gp_arena_alloc(arena, in.n + 1);
	size_t depth = 0, n = 0;
	bool in_uri = false;

	for (size_t i = 0; i < in.n; i++) {
		const char c = in.p[i];

		if (depth > 0 && c == '\\')
			i++;
		else if (!in_uri && c == '(' && ++depth > GP_COMMENT_DEPTH_MAX)
			return NULL;
		else if (depth > 0 && c == ')')
			depth--;
		else if (depth == 0 && c == '\0')
			return NULL;
		else if (depth == 0 && strchr(" \t\r\n", c) == NULL)
			out[n++] = c;
		if (depth == 0 && (c == '<' || c == '>'))
			in_uri = c == '<';
	}
	return depth > 0 ? NULL : out;
}

/* How many web addresses a list has, with at most one of them https 1; -1: it
 * is no list.  `*https` is set when one of them is. */
static int
naive_count(const char *p, bool *https)
{
	int n = 0;

	*https = false;
	for (;; p++) {
		const char *uri = p + 1;
		const size_t len = strcspn(uri, ">");
		const size_t scheme = strcspn(uri, ":");

		if (*p != '<' || uri[len] != '>' || scheme == 0 ||
		    scheme >= len)
			return -1;
		for (size_t i = 0; i < len; i++)
			if (uri[i] <= 0x20 || uri[i] == 0x7f ||
			    strchr("\"<\\^`{|}", uri[i]) != NULL)
				return -1;
		if (gp_str_eq_nocase(gp_str_n(uri, scheme), GP_STR("https"))) {
			if (strncmp(uri + 5, "://", 3) != 0 ||
			    (!gp_is_alnum(uri[8]) && uri[8] != '['))
				return -1;
			*https = true;
			n++;
		}
		n += gp_str_eq_nocase(gp_str_n(uri, scheme), GP_STR("http"));
		p = uri + len + 1;
		if (*p == '\0')
			return n;
		if (*p != ',')
			return -1;
	}
}

static bool
naive_one_click(const struct input *in, struct gp_arena *arena)
{
	const char *list = strip(in->list, arena);
	bool https;

	return list != NULL && naive_count(list, &https) == 1 && https &&
	       gp_str_eq_nocase(gp_str_trim(in->post),
		   GP_STR("List-Unsubscribe=One-Click"));
}

/* -- the reader
 * ---------------------------------------------------------------- */

static void
add(struct gp_header *h, struct gp_arena *arena, const char *name,
    struct gp_str value)
{
	gp_header_add(h, arena, gp_str(name), value);
}

static struct gp_header
header_of(const struct input *in, struct gp_arena *arena)
{
	struct gp_header h = { .n = 0 };

	add(&h, arena, "From", GP_STR(" a@shop.example"));
	add(&h, arena, "List-Unsubscribe", in->list);
	add(&h, arena, "List-Unsubscribe-Post", in->post);
	add(&h, arena, "DKIM-Signature", in->signature);
	return h;
}

static void
is_printable(const struct gp_preflight_point *p)
{
	assert((p->why == NULL) == (p->state == GP_PREFLIGHT_MET));
	for (const char *c = p->why; c != NULL && *c != '\0'; c++)
		assert(gp_is_print(*c));
}

static struct gp_preflight_header
read_it(const struct gp_header *h, const struct gp_policy *policy,
    struct gp_arena *arena)
{
	struct gp_author author;
	const struct gp_preflight_message m = { .header = h,
		.author = &author,
		.policy = policy,
		.now_s = 1700000000 };
	struct gp_preflight_header out;
	const struct gp_preflight_point *points[] = { &out.from_one, &out.date,
		&out.message_id, &out.subject, &out.one_click, &out.is_signed,
		&out.covered };

	if (gp_author_find(h, arena, &author, NULL) != GP_OK)
		assert(h->over);
	gp_preflight_read(&m, arena, &out);
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++)
		is_printable(points[i]);
	return out;
}

static bool
is_met(struct gp_preflight_point p)
{
	return p.state == GP_PREFLIGHT_MET;
}

static void
check_one_click(const struct input *in, struct gp_arena *arena)
{
	struct gp_header h = header_of(in, arena);
	const bool good = is_met(read_it(&h, &block, arena).one_click);
	struct input more = *in;

	assert(good == naive_one_click(in, arena));
	more.list = gp_str_n(NULL, 0);
	if (memchr(in->list.p, '\0', in->list.n) == NULL) {
		more.list = gp_str(gp_arena_printf(arena, "(<x\\)>)%.*s(())",
		    GP_STR_ARG(in->list)));
		h = header_of(&more, arena);
		assert(good == is_met(read_it(&h, &block, arena).one_click));
	}
	h = header_of(in, arena);
	h.over = true;
	assert(!is_met(read_it(&h, &block, arena).one_click));
	h.over = false;
	add(&h, arena, "list-unsubscribe", in->list);
	assert(
	    read_it(&h, &block, arena).one_click.state == GP_PREFLIGHT_MISSING);
}

static void
check_signature(const struct input *in, struct gp_arena *arena)
{
	struct gp_header h = header_of(in, arena);
	const struct gp_preflight_header one = read_it(&h, &block, arena);
	struct gp_preflight_header two;
	struct gp_key_policy retired = key;
	struct gp_policy other = block;

	assert(is_met(one.is_signed) || !is_met(one.covered));
	add(&h, arena, "DKIM-Signature", GP_STR(" v=1; d=x.example; s=s1"));
	two = read_it(&h, &block, arena);
	assert(one.is_signed.state == two.is_signed.state);
	assert(one.covered.state == two.covered.state);
	retired.state = GP_KEY_RETIRED;
	other.keys = &retired;
	assert(!is_met(read_it(&h, &other, arena).is_signed));
	other = block;
	other.domain = "x--0.shop.example";
	assert(!is_met(read_it(&h, &other, arena).is_signed));
}

static struct gp_str
take_value(struct gp_str *rest)
{
	for (size_t i = 0; i + 1 < rest->n; i++) {
		struct gp_str value = gp_str_n(rest->p, i);

		if (rest->p[i] != '\n' || rest->p[i + 1] != '\n')
			continue;
		*rest = gp_str_n(rest->p + i + 2, rest->n - i - 2);
		return value;
	}
	return gp_str_split(rest, '\0');
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gp_str rest = gp_str_n((const char *)data, size);
	struct gp_arena *arena = gp_arena_new();
	struct input in = { .list = GP_STR("") };

	if (size == 0)
		rest = gp_str("");
	in.list = take_value(&rest);
	in.post = take_value(&rest);
	in.signature = take_value(&rest);
	check_one_click(&in, arena);
	check_signature(&in, arena);
	gp_arena_free(arena);
	return 0;
}
