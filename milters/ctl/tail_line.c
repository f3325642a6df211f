/* See tail.h. */
#include "ctl/tail.h"

#include "core/logread.h"

#include <string.h>
#include <time.h>

#define FIELDS_MAX 64
#define KEY_MAX    48

struct entry {
	struct gp_str seconds, ms; /* by the daemon's clock */
	struct gp_str line;        /* behind them */
};

static bool
read_entry(struct gp_str s, struct entry *out, time_t *when)
{
	uint64_t n;

	out->line = s;
	out->seconds = gp_str_split(&out->line, ' ');
	out->ms = out->seconds;
	out->seconds = gp_str_split(&out->ms, '.');
	if (out->ms.n != 3 || out->line.n == 0 ||
	    gp_parse_u64(out->seconds, INT64_C(253402300799), &n) != GP_OK)
		return false;
	*when = (time_t)n;
	return true;
}

static bool
is_wanted(const struct ctl_tail_how *how, struct gp_str line)
{
	struct gp_buf id;
	bool wanted;

	if (how->queue_id == NULL)
		return true;
	gp_buf_init(&id, SIZE_MAX);
	wanted = gp_logread_id(&line, &id, NULL) == GP_OK &&
	         gp_str_eq(gp_buf_str(&id), gp_str(how->queue_id));
	gp_buf_clear(&id);
	return wanted;
}

/* -- for a reader ---------------------------------------------------------- */

static void
print_text(const char *daemon, const struct entry *e, time_t when)
{
	struct gp_buf out;
	char clock[16] = "";
	struct tm tm;

	if (localtime_r(&when, &tm) != NULL)
		(void)strftime(clock, sizeof(clock), "%T", &tm);
	gp_buf_init(&out, SIZE_MAX);
	gp_buf_addf(&out, "%s.%.*s %-5s %.*s\n", clock, GP_STR_ARG(e->ms),
	    daemon, GP_STR_ARG(e->line));
	ctl_print_text(gp_buf_str(&out));
	gp_buf_clear(&out);
}

/* -- for a program ----------------------------------------------------------
 */

struct fields {
	size_t n;
	bool cut; /* something is missing */
	struct {
		struct gp_str key, value;
	} v[FIELDS_MAX];
};

/* False: the line is not of the form. */
static bool
read_fields(struct gp_str rest, struct gp_arena *arena, struct fields *out)
{
	struct gp_logfield f;
	enum gp_rc rc = GP_OK;

	gp_buf_init(&f.value, SIZE_MAX);
	while ((rc = gp_logread_next(&rest, &f, NULL)) == GP_OK) {
		if (out->n == FIELDS_MAX) {
			out->cut = true;
			break;
		}
		out->v[out->n].key = f.key;
		out->v[out->n++].value =
		    gp_arena_dup(arena, gp_buf_str(&f.value));
		out->cut = out->cut || f.cut;
	}
	out->cut = out->cut || rest.n > 0;
	gp_buf_clear(&f.value);
	return rc != GP_PERM;
}

static bool
is_first(const struct fields *f, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (gp_str_eq(f->v[k].key, f->v[i].key))
			return false;
	return true;
}

/* A key that the line has more than once is one member, with commas. */
static void
add_member(struct gp_json *j, const struct fields *f, size_t i)
{
	char key[KEY_MAX];
	struct gp_buf value;

	(void)snprintf(key, sizeof(key), "%.*s", GP_STR_ARG(f->v[i].key));
	gp_buf_init(&value, SIZE_MAX);
	gp_buf_add_str(&value, f->v[i].value);
	for (size_t k = i + 1; k < f->n; k++)
		if (gp_str_eq(f->v[k].key, f->v[i].key)) {
			gp_buf_addc(&value, ',');
			gp_buf_add_str(&value, f->v[k].value);
		}
	gp_json_str(j, key, gp_buf_str(&value));
	gp_buf_clear(&value);
}

static void
add_fields(struct gp_json *j, struct gp_str line)
{
	struct gp_arena *arena = gp_arena_new();
	struct fields *f = gp_arena_alloc(arena, sizeof(*f));
	struct gp_str rest = line;
	struct gp_buf id;

	gp_buf_init(&id, SIZE_MAX);
	if (gp_logread_id(&rest, &id, NULL) == GP_OK &&
	    read_fields(rest, arena, f)) {
		gp_json_str(j, "queue_id", gp_buf_str(&id));
		gp_json_bool(j, "truncated", f->cut);
		gp_json_object(j, "fields");
		for (size_t i = 0; i < f->n; i++)
			if (is_first(f, i))
				add_member(j, f, i);
		gp_json_end(j);
	} else {
		gp_json_str(j, "text", line);
	}
	gp_buf_clear(&id);
	gp_arena_free(arena);
}

static void
print_json(const char *daemon, const struct entry *e, time_t when)
{
	struct gp_buf out;
	struct gp_json j;
	char utc[32] = "";
	char full[48];
	struct tm tm;

	if (gmtime_r(&when, &tm) != NULL)
		(void)strftime(utc, sizeof(utc), "%FT%T", &tm);
	(void)snprintf(full, sizeof(full), "%s.%.*sZ", utc, GP_STR_ARG(e->ms));
	gp_buf_init(&out, SIZE_MAX);
	j = ctl_json_begin(&out);
	gp_json_string(&j, "daemon", daemon);
	gp_json_string(&j, "time", full);
	add_fields(&j, e->line);
	ctl_json_end(&j);
	gp_buf_clear(&out);
}

/* -- lost lines --------------------------------------------------------------
 */

static void
print_lost(const struct ctl_tail_how *how, const char *daemon, uint64_t n)
{
	struct gp_buf out;
	struct gp_json j;

	if (!how->json) {
		(void)printf("%-12s %-5s %llu lines lost: this reader is too "
			     "slow\n",
		    "", daemon, (unsigned long long)n);
		return;
	}
	gp_buf_init(&out, SIZE_MAX);
	j = ctl_json_begin(&out);
	gp_json_string(&j, "daemon", daemon);
	gp_json_int(&j, "lost", (int64_t)n);
	ctl_json_end(&j);
	gp_buf_clear(&out);
}

bool
ctl_tail_line(const struct ctl_tail_how *how, const char *daemon,
    struct gp_str line)
{
	struct gp_str number = line;
	struct gp_str word = gp_str_split(&number, ' ');
	struct entry e;
	uint64_t lost;
	time_t when;

	if (gp_str_eq(word, GP_STR("lost")) &&
	    gp_parse_u64(number, INT64_MAX, &lost) == GP_OK) {
		print_lost(how, daemon, lost);
		return false;
	}
	if (!read_entry(line, &e, &when) || !is_wanted(how, e.line))
		return false;
	if (how->json)
		print_json(daemon, &e, when);
	else
		print_text(daemon, &e, when);
	return true;
}
