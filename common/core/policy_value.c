/* See policy_value.h. */
#include "core/policy_value.h"

#include "core/domain.h"
#include "core/policy_form.h"
#include "core/policy_guess.h"

#include <assert.h>
#include <string.h>

/* What every list of policy.h is: a count and an array. */
struct list {
	size_t n;
	const void *v;
};
static_assert(sizeof(struct list) == sizeof(struct gp_strings) &&
		  sizeof(struct list) == sizeof(struct gp_prefixes) &&
		  sizeof(struct list) == sizeof(struct gp_rates) &&
		  sizeof(struct list) == sizeof(struct gp_aliases) &&
		  sizeof(struct list) == sizeof(struct gp_limit_keys) &&
		  sizeof(struct list) == sizeof(struct gp_preflight_needs) &&
		  sizeof(struct list) == sizeof(struct gp_signing_algorithms),
    "the shape of lists");

/* One text that becomes one value. */
struct reading {
	const struct gp_option *o;
	struct gp_str text;
	const struct gp_value_context *ctx;
};

/* `out` is one value; err may get a detail that `expected` does not say. */
typedef enum gp_rc (
    *read_fn)(const struct reading *in, void *out, struct gp_err *err);

static enum gp_rc
read_word(const struct reading *in, void *out, struct gp_err *err)
{
	(void)err;
	for (const struct gp_word *w = in->o->words; w->name != NULL; w++) {
		if (gp_str_eq(in->text, gp_str(w->name))) {
			memcpy(out, &w->value, sizeof(w->value));
			return GP_OK;
		}
	}
	return GP_PERM;
}

static enum gp_rc
read_bool(const struct reading *in, void *out, struct gp_err *err)
{
	bool yes = gp_str_eq(in->text, GP_STR("yes"));

	(void)err;
	if (!yes && !gp_str_eq(in->text, GP_STR("no")))
		return GP_PERM;
	memcpy(out, &yes, sizeof(yes));
	return GP_OK;
}

static enum gp_rc
read_number(const struct reading *in, void *out, struct gp_err *err)
{
	unsigned number;
	uint64_t wide;

	(void)err;
	if (gp_parse_u64(in->text, (uint64_t)in->o->max, &wide) != GP_OK ||
	    wide < (uint64_t)in->o->min)
		return GP_PERM;
	number = (unsigned)wide;
	memcpy(out, &number, sizeof(number));
	return GP_OK;
}

static enum gp_rc
store_in_range(const struct reading *in, enum gp_rc rc, int64_t value,
    void *out)
{
	if (rc != GP_OK || value > in->o->max ||
	    (value < in->o->min && !(value == 0 && in->o->or_zero)))
		return GP_PERM;
	memcpy(out, &value, sizeof(value));
	return GP_OK;
}

static enum gp_rc
read_duration(const struct reading *in, void *out, struct gp_err *err)
{
	int64_t ms = 0;
	enum gp_rc rc = gp_parse_duration_ms(in->text, &ms);

	(void)err;
	return store_in_range(in, rc, ms, out);
}

static enum gp_rc
read_size(const struct reading *in, void *out, struct gp_err *err)
{
	int64_t bytes = 0;
	enum gp_rc rc = gp_parse_size(in->text, &bytes);

	(void)err;
	return store_in_range(in, rc, bytes, out);
}

static enum gp_rc
read_factor(const struct reading *in, void *out, struct gp_err *err)
{
	unsigned number;

	(void)err;
	if (gp_form_factor(in->text, &number) != GP_OK ||
	    (int64_t)number > in->o->max ||
	    ((int64_t)number < in->o->min && !(number == 0 && in->o->or_zero)))
		return GP_PERM;
	memcpy(out, &number, sizeof(number));
	return GP_OK;
}

static enum gp_rc
read_date(const struct reading *in, void *out, struct gp_err *err)
{
	int64_t s;

	(void)err;
	if (gp_form_date(in->text, &s) != GP_OK)
		return GP_PERM;
	memcpy(out, &s, sizeof(s));
	return GP_OK;
}

/* Texts: one check each, and a copy. */
static enum gp_rc
read_text(const struct reading *in, void *out, struct gp_err *err)
{
	char domain[GP_DOMAIN_TEXT];
	struct gp_str text = in->text;
	bool good = true;
	const char *copy;

	if (in->o->kind == GP_LINE)
		good = gp_form_line(text, (size_t)in->o->max);
	else if (in->o->kind == GP_NAME)
		good = gp_form_name(text);
	else if (in->o->kind == GP_FIELD_NAME)
		good = gp_form_field_name(text);
	else if (in->o->kind == GP_FIELD)
		good = gp_form_field(text);
	else if (in->o->kind == GP_SOCKET)
		good = gp_form_socket(text);
	else if (in->o->kind == GP_SERVER)
		good = gp_form_server(text);
	else if (in->o->kind == GP_STORE)
		good = gp_form_store(text, err);
	else if (gp_domain_normalize(text, domain, err) == GP_OK)
		text = gp_str(domain);
	else
		good = false;
	if (!good)
		return GP_PERM;
	copy = gp_arena_strndup(in->ctx->arena, text.p, text.n);
	memcpy(out, &copy, sizeof(copy));
	return GP_OK;
}

/* A domain; "*." in front stays. */
static enum gp_rc
read_domains(const struct reading *in, void *out, struct gp_err *err)
{
	bool below = gp_str_starts_nocase(in->text, GP_STR("*."));
	size_t skip = below ? 2 : 0;
	char domain[GP_DOMAIN_TEXT];
	const char *text;

	if (gp_domain_normalize(gp_str_n(in->text.p + skip, in->text.n - skip),
		domain, err) != GP_OK)
		return GP_PERM;
	text =
	    gp_arena_printf(in->ctx->arena, "%s%s", below ? "*." : "", domain);
	memcpy(out, &text, sizeof(text));
	return GP_OK;
}

static enum gp_rc
read_host(const struct reading *in, void *out, struct gp_err *err)
{
	struct gp_str text = in->text;
	char domain[GP_DOMAIN_TEXT];
	const char *copy;

	if (text.n > 1 && text.p[0] == '.')
		text = gp_str_n(text.p + 1, text.n - 1);
	if (gp_domain_normalize(text, domain, err) != GP_OK)
		return GP_PERM;
	copy = gp_arena_strdup(in->ctx->arena, domain);
	memcpy(out, &copy, sizeof(copy));
	return GP_OK;
}

static enum gp_rc
read_path(const struct reading *in, void *out, struct gp_err *err)
{
	const char *directory = in->ctx->directory;
	const char *path;

	(void)err;
	if (in->text.n == 0 || !gp_str_is_text(in->text))
		return GP_PERM;
	if (in->text.p[0] == '/' || directory == NULL || directory[0] == '\0')
		path = gp_arena_strndup(in->ctx->arena, in->text.p, in->text.n);
	else
		path = gp_arena_printf(in->ctx->arena, "%s/%.*s", directory,
		    GP_STR_ARG(in->text));
	memcpy(out, &path, sizeof(path));
	return GP_OK;
}

static enum gp_rc
read_prefix(const struct reading *in, void *out, struct gp_err *err)
{
	struct gp_prefix prefix;

	if (gp_prefix_parse(in->text, &prefix, err) != GP_OK)
		return GP_PERM;
	memcpy(out, &prefix, sizeof(prefix));
	return GP_OK;
}

static enum gp_rc
read_address(const struct reading *in, void *out, struct gp_err *err)
{
	if (gp_str_find(in->text, '/') < in->text.n)
		return GP_PERM;
	return read_prefix(in, out, err);
}

static enum gp_rc
read_alias(const struct reading *in, void *out, struct gp_err *err)
{
	return gp_form_alias(in->text, in->ctx->arena, out, err);
}

static enum gp_rc
read_rate(const struct reading *in, void *out, struct gp_err *err)
{
	(void)err;
	return gp_form_rate(in->text, out);
}

static const struct {
	read_fn read;
	size_t size;
} kinds[] = {
	[GP_WORD] = { read_word, sizeof(int) },
	[GP_BOOL] = { read_bool, sizeof(bool) },
	[GP_NUMBER] = { read_number, sizeof(unsigned) },
	[GP_DURATION] = { read_duration, sizeof(int64_t) },
	[GP_SIZE] = { read_size, sizeof(int64_t) },
	[GP_AMOUNT] = { read_size, sizeof(int64_t) },
	[GP_FACTOR] = { read_factor, sizeof(unsigned) },
	[GP_DATE] = { read_date, sizeof(int64_t) },
	[GP_LINE] = { read_text, sizeof(char *) },
	[GP_NAME] = { read_text, sizeof(char *) },
	[GP_FIELD_NAME] = { read_text, sizeof(char *) },
	[GP_FIELD] = { read_text, sizeof(char *) },
	[GP_DOMAIN] = { read_text, sizeof(char *) },
	[GP_DOMAINS] = { read_domains, sizeof(char *) },
	[GP_HOST] = { read_host, sizeof(char *) },
	[GP_PATH] = { read_path, sizeof(char *) },
	[GP_SOCKET] = { read_text, sizeof(char *) },
	[GP_SERVER] = { read_text, sizeof(char *) },
	[GP_STORE] = { read_text, sizeof(char *) },
	[GP_PREFIX] = { read_prefix, sizeof(struct gp_prefix) },
	[GP_ADDRESS] = { read_address, sizeof(struct gp_prefix) },
	[GP_ALIAS] = { read_alias, sizeof(struct gp_alias) },
	[GP_RATE] = { read_rate, sizeof(struct gp_rate) },
};

/* -- reading ----------------------------------------------------------- */

/* A word of `yes`/`no` or of the option's list that was nearly written. */
static void
guess_word(const struct gp_option *o, struct gp_guess *guess)
{
	if (o->kind == GP_BOOL) {
		gp_guess_try(guess, "yes");
		gp_guess_try(guess, "no");
	}
	for (const struct gp_word *w = o->words; w != NULL && w->name != NULL;
	     w++)
		gp_guess_try(guess, w->name);
}

static void
complain(const struct gp_option *o, const char *kind, const char *text,
    const struct gp_setting *s, const struct gp_value_context *ctx,
    const char *detail)
{
	struct gp_guess guess = { .word = gp_str(text) };
	size_t colon = gp_str_find(guess.word, ':');
	bool hidden = o->kind == GP_STORE && colon < guess.word.n;
	char hint[GP_GUESS_TEXT];

	guess_word(o, &guess);
	gp_problems_add(ctx->problems, s->origin,
	    "\"%.*s%s\": %s%s%s: expected %s%s%s%s%s",
	    hidden ? (int)colon : gp_form_shown(text), text,
	    hidden ? ":..." : "", kind, kind[0] == '\0' ? "" : ".", o->name,
	    o->expected, detail[0] == '\0' ? "" : " (", detail,
	    detail[0] == '\0' ? "" : ")", gp_guess_text(&guess, hint));
}

/* The element `i` of the setting's values into `out`. */
static bool
read_element(const struct gp_option *o, const char *kind,
    const struct gp_setting *s, size_t i, const struct gp_value_context *ctx,
    void *out)
{
	struct reading in = { .o = o,
		.text = gp_str(s->values.v[i]),
		.ctx = ctx };
	struct gp_err err = { .msg = "" };

	if (!o->is_list && o->fallback == NULL && !o->required &&
	    in.text.n == 0)
		return true; /* unset: the zero that is there */
	if (kinds[o->kind].read(&in, out, &err) == GP_OK)
		return true;
	complain(o, kind, s->values.v[i], s, ctx, err.msg);
	return false;
}

/* Two words for the same are the same. */
static bool
are_distinct(const struct gp_option *o, const char *kind,
    const struct gp_setting *s, const struct gp_value_context *ctx,
    const char *v)
{
	size_t size = kinds[o->kind].size;

	for (size_t i = 0; i < s->values.n; i++)
		for (size_t j = 0; j < i; j++)
			if (memcmp(v + size * i, v + size * j, size) == 0) {
				gp_problems_add(ctx->problems, s->origin,
				    "\"%s\": %s.%s: expected each word once",
				    s->values.v[i], kind, o->name);
				return false;
			}
	return true;
}

bool
gp_value_read(const struct gp_option *o, const char *kind,
    const struct gp_setting *s, const struct gp_value_context *ctx,
    void *target)
{
	char *at = (char *)target + o->offset;
	size_t size = kinds[o->kind].size;
	struct list list = { .n = s->values.n };
	bool good = true;
	char *v;

	if (!o->is_list) {
		memset(at, 0, size);
		return read_element(o, kind, s, 0, ctx, at);
	}
	if (list.n < (size_t)o->min ||
	    (o->max > 0 && list.n > (size_t)o->max)) {
		complain(o, kind, list.n == 0 ? "{ }" : "{ ... }", s, ctx, "");
		return false;
	}
	v = gp_arena_alloc(ctx->arena, size * list.n);
	for (size_t i = 0; i < list.n; i++)
		good = read_element(o, kind, s, i, ctx, v + size * i) && good;
	list.v = v;
	memcpy(at, &list, sizeof(list));
	return good && (!o->distinct || are_distinct(o, kind, s, ctx, v));
}

void
gp_value_default(const struct gp_option *o, const struct gp_value_context *ctx,
    void *target)
{
	struct gp_str rest = gp_str(o->fallback);
	const char *texts[8];
	struct gp_setting s = { .values = { .v = texts } };
	bool good;

	if (o->fallback == NULL)
		return;
	if (!o->is_list)
		texts[s.values.n++] = o->fallback;
	else if (rest.n == 0)
		return;
	while (o->is_list && rest.p != NULL) {
		struct gp_str text = gp_str_trim(gp_str_split(&rest, ','));

		assert(s.values.n < sizeof(texts) / sizeof(texts[0]));
		texts[s.values.n++] =
		    gp_arena_strndup(ctx->arena, text.p, text.n);
	}
	good = gp_value_read(o, "", &s, ctx, target);
	assert(good);
	(void)good;
}

void
gp_value_copy(const struct gp_option *o, const void *from, void *to)
{
	size_t size = o->is_list ? sizeof(struct list) : kinds[o->kind].size;

	memcpy((char *)to + o->offset, (const char *)from + o->offset, size);
}

/* -- writing ----------------------------------------------------------- */

static void
write_prefix(const struct gp_prefix *p, struct gp_buf *out)
{
	char text[GP_IP_TEXT];

	gp_buf_addf(out, "\"%s/%u\"", gp_ip_format(&p->ip, text), p->bits);
}

static void
write_word(const struct gp_option *o, const void *at, struct gp_buf *out)
{
	int value;

	memcpy(&value, at, sizeof(value));
	for (const struct gp_word *w = o->words; w->name != NULL; w++) {
		if (w->value == value) {
			gp_buf_adds(out, w->name);
			return;
		}
	}
	gp_buf_adds(out, "\"\""); /* unset */
}

static void
write_address(const struct gp_prefix *p, struct gp_buf *out)
{
	char text[GP_IP_TEXT];

	gp_buf_addf(out, "\"%s\"", gp_ip_format(&p->ip, text));
}

static void
write_store(const void *at, struct gp_buf *out)
{
	const char *text;

	memcpy(&text, at, sizeof(text));
	gp_form_write_store(text, out);
}

static void
write_text(const void *at, struct gp_buf *out)
{
	const char *text;

	memcpy(&text, at, sizeof(text));
	gp_form_write_text(text == NULL ? "" : text, out);
}

static void
write_int64(const struct gp_option *o, const void *at, struct gp_buf *out)
{
	int64_t value;

	memcpy(&value, at, sizeof(value));
	if (o->kind == GP_DURATION)
		gp_form_write_duration(value, out);
	else if (o->kind == GP_SIZE)
		gp_form_write_size(value, out);
	else if (o->kind == GP_AMOUNT)
		gp_form_write_amount(value, out);
	else
		gp_form_write_date(value, out);
}

static void
write_element(const struct gp_option *o, const void *at, struct gp_buf *out)
{
	struct gp_alias alias;
	struct gp_rate rate;
	unsigned number;
	bool yes;

	switch (o->kind) {
	case GP_WORD:
		write_word(o, at, out);
		return;
	case GP_BOOL:
		memcpy(&yes, at, sizeof(yes));
		gp_buf_adds(out, yes ? "yes" : "no");
		return;
	case GP_NUMBER:
		memcpy(&number, at, sizeof(number));
		gp_buf_addf(out, "%u", number);
		return;
	case GP_FACTOR:
		memcpy(&number, at, sizeof(number));
		gp_form_write_factor(number, out);
		return;
	case GP_DURATION:
	case GP_SIZE:
	case GP_AMOUNT:
	case GP_DATE:
		write_int64(o, at, out);
		return;
	case GP_PREFIX:
		write_prefix(at, out);
		return;
	case GP_ADDRESS:
		write_address(at, out);
		return;
	case GP_ALIAS:
		memcpy(&alias, at, sizeof(alias));
		gp_form_write_alias(&alias, out);
		return;
	case GP_RATE:
		memcpy(&rate, at, sizeof(rate));
		gp_form_write_rate(&rate, out);
		return;
	case GP_LINE:
	case GP_NAME:
	case GP_FIELD_NAME:
	case GP_FIELD:
	case GP_DOMAIN:
	case GP_DOMAINS:
	case GP_HOST:
	case GP_PATH:
	case GP_SOCKET:
	case GP_SERVER:
		write_text(at, out);
		return;
	case GP_STORE:
		write_store(at, out);
		return;
	}
}

void
gp_value_write(const struct gp_option *o, const void *target,
    struct gp_buf *out)
{
	const char *at = (const char *)target + o->offset;
	struct list list;

	if (!o->is_list) {
		write_element(o, at, out);
		return;
	}
	memcpy(&list, at, sizeof(list));
	gp_buf_adds(out, "{");
	for (size_t i = 0; i < list.n; i++) {
		gp_buf_adds(out, i == 0 ? " " : ", ");
		write_element(o, (const char *)list.v + i * kinds[o->kind].size,
		    out);
	}
	gp_buf_adds(out, " }");
}
