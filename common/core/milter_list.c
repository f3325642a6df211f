/* See milter_list.h. */
#include "core/milter_list.h"

#include "core/postfix_list.h"

/* -- reading ------------------------------------------------------------ */

static struct gp_str
skip(struct gp_str s, size_t n)
{
	return gp_str_n(s.p + n, s.n - n);
}

/* "HOST:PORT", the host perhaps in brackets, becomes "PORT@HOST". */
static const char *
inet_socket(struct gp_arena *arena, struct gp_str place)
{
	size_t at = place.n;
	struct gp_str host, port;

	while (at > 0 && place.p[at - 1] != ':')
		at--;
	port = skip(place, at);
	host = gp_str_n(place.p, at == 0 ? 0 : at - 1);
	if (host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']')
		host = gp_str_n(host.p + 1, host.n - 2);
	return gp_arena_printf(arena, "inet:%.*s@%.*s", GP_STR_ARG(port),
	    GP_STR_ARG(host));
}

static const char *
socket_of(struct gp_arena *arena, struct gp_str raw)
{
	struct gp_str word = raw, inner, kind;

	if (raw.n >= 2 && raw.p[0] == '{' && raw.p[raw.n - 1] == '}') {
		inner = gp_str_n(raw.p + 1, raw.n - 2);
		if (gp_postfix_list_next(&inner, &word) != GP_OK)
			word.n = 0;
	}
	kind = gp_str_n(word.p, gp_str_find(word, ':'));
	if (kind.n == word.n)
		return gp_arena_strndup(arena, word.n == 0 ? "" : word.p,
		    word.n);
	if (gp_str_eq_nocase(kind, GP_STR("inet")))
		return inet_socket(arena, skip(word, kind.n + 1));
	if (gp_str_eq_nocase(kind, GP_STR("local")))
		return gp_arena_printf(arena, "unix:%.*s",
		    GP_STR_ARG(skip(word, kind.n + 1)));
	return gp_arena_strndup(arena, word.p, word.n);
}

void
gp_milter_list_read(struct gp_arena *arena, struct gp_str text,
    struct gp_milter_list *out)
{
	enum gp_rc rc = GP_OK;

	*out = (struct gp_milter_list){ .n = 0 };
	out->v = gp_arena_alloc(arena, GP_MILTER_LIST_MAX * sizeof(*out->v));
	while (rc == GP_OK && out->n < GP_MILTER_LIST_MAX) {
		struct gp_milter_place *place = &out->v[out->n];
		struct gp_str raw;

		rc = gp_postfix_list_next(&text, &raw);
		if (rc == GP_NONE)
			break;
		if (rc == GP_PERM) /* all that is left */
			raw = gp_str_trim(text);
		place->raw = gp_arena_strndup(arena, raw.p, raw.n);
		place->socket = socket_of(arena, raw);
		out->n++;
	}
}

/* -- sorting ------------------------------------------------------------ */

/* Which element has the next rank above `above`; list->n: none. */
static size_t
next_rank(const struct gp_milter_list *list, const int *rank, int above)
{
	size_t best = list->n;

	for (size_t i = 0; i < list->n; i++)
		if (rank[i] > above &&
		    (best == list->n || rank[i] < rank[best]))
			best = i;
	return best;
}

const char *
gp_milter_list_sorted(struct gp_arena *arena, const struct gp_milter_list *list,
    const int *rank)
{
	const char *text = "";
	int above = -1;

	for (size_t i = 0; i < list->n; i++) {
		size_t from = i;

		if (rank[i] >= 0) {
			from = next_rank(list, rank, above);
			if (from == list->n)
				continue; /* a rank that was there twice */
			above = rank[from];
		}
		text = gp_arena_printf(arena, "%s%s%s", text,
		    *text == '\0' ? "" : ", ", list->v[from].raw);
	}
	return text;
}
