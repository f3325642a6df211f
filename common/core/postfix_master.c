/* See postfix_master.h. */
#include "core/postfix_master.h"

#include <string.h>

/* -- to read ----------------------------------------------------------- */

/* The next word, or the empty span at the end. */
static struct gp_str
next_word(struct gp_str *line)
{
	struct gp_str word;

	*line = gp_str_trim(*line);
	for (word = gp_str_n(line->p, 0); word.n < line->n; word.n++)
		if (gp_is_space(line->p[word.n]))
			break;
	*line = gp_str_n(line->p + word.n, line->n - word.n);
	return word;
}

/* "smtp inet n - y - - smtpd -o ..." */
static bool
read_service(struct gp_arena *arena, struct gp_str line,
    struct gp_postfix_service *out)
{
	struct gp_str word[8] = { { .p = NULL } };

	if (gp_str_find(line, '\0') < line.n)
		return false;
	for (size_t i = 0; i < sizeof(word) / sizeof(word[0]); i++) {
		word[i] = next_word(&line);
		if (word[i].n == 0)
			return false;
	}
	*out = (struct gp_postfix_service){
		.name = gp_arena_printf(arena, "%.*s/%.*s", GP_STR_ARG(word[0]),
		    GP_STR_ARG(word[1])),
		.command = gp_arena_strndup(arena, word[7].p, word[7].n),
		.chroot = word[4].p[0],
	};
	return true;
}

static struct gp_postfix_service *
find(const struct gp_postfix_services *all, struct gp_str name)
{
	for (size_t i = 0; i < all->n; i++)
		if (gp_str_eq(gp_str(all->v[i].name), name))
			return &all->v[i];
	return NULL;
}

static void
add_override(struct gp_arena *arena, struct gp_postfix_service *s,
    struct gp_str name, struct gp_str value)
{
	struct gp_postfix_override *v =
	    gp_arena_alloc(arena, (s->n_overrides + 1) * sizeof(*v));

	if (s->n_overrides > 0)
		memcpy(v, s->overrides, s->n_overrides * sizeof(*v));
	v[s->n_overrides++] = (struct gp_postfix_override){
		.name = gp_arena_strndup(arena, name.p, name.n),
		.value = gp_arena_strndup(arena, value.p, value.n),
	};
	s->overrides = v;
}

/* "submission/inet/smtpd_sasl_auth_enable = yes"; the name of a service may
 * have slashes. */
static void
read_override(struct gp_arena *arena, struct gp_str line,
    const struct gp_postfix_services *all)
{
	size_t n = gp_str_find(line, '='), slash;
	struct gp_str left = gp_str_trim(gp_str_n(line.p, n));
	struct gp_postfix_service *s;

	for (slash = left.n; slash > 0 && left.p[slash - 1] != '/';)
		slash--;
	if (n == line.n || slash == 0)
		return;
	s = find(all, gp_str_n(left.p, slash - 1));
	if (s != NULL)
		add_override(arena, s, gp_str_n(left.p + slash, left.n - slash),
		    gp_str_trim(gp_str_n(line.p + n + 1, line.n - n - 1)));
}

void
gp_postfix_services_read(struct gp_arena *arena, struct gp_str services,
    struct gp_str overrides, struct gp_postfix_services *out)
{
	*out = (struct gp_postfix_services){ .n = 0 };
	out->v =
	    gp_arena_alloc(arena, GP_POSTFIX_SERVICES_MAX * sizeof(*out->v));
	while (services.p != NULL && out->n < GP_POSTFIX_SERVICES_MAX)
		if (read_service(arena, gp_str_split(&services, '\n'),
			&out->v[out->n]))
			out->n++;
	while (overrides.p != NULL)
		read_override(arena, gp_str_split(&overrides, '\n'), out);
}

const char *
gp_postfix_override_of(const struct gp_postfix_service *s, const char *name)
{
	for (size_t i = 0; i < s->n_overrides; i++)
		if (strcmp(s->overrides[i].name, name) == 0)
			return s->overrides[i].value;
	return NULL;
}

/* -- to judge ---------------------------------------------------------- */

bool
gp_postfix_chrooted(const struct gp_postfix_services *all, const char *level)
{
	const bool by_default =
	    level[0] == '\0' || (level[0] == '0' && !gp_is_digit(level[1]));

	for (size_t i = 0; i < all->n; i++) {
		const struct gp_postfix_service *s = &all->v[i];

		if (strcmp(s->command, "smtpd") != 0 &&
		    strcmp(s->command, "cleanup") != 0)
			continue;
		if (s->chroot == 'y' || (s->chroot == '-' && by_default))
			return true;
	}
	return false;
}

/* "127.0.0.1:587/inet" has the port 587. */
static bool
has_port(const struct gp_postfix_service *s, const char *const *ports)
{
	struct gp_str name = gp_str(s->name);
	size_t at;

	name.n = gp_str_find(name, '/');
	for (at = name.n; at > 0 && name.p[at - 1] != ':';)
		at--;
	name = gp_str_n(name.p + at, name.n - at);
	for (; *ports != NULL; ports++)
		if (gp_str_eq(name, gp_str(*ports)))
			return true;
	return false;
}

static bool
says(const struct gp_postfix_service *s, const char *name, const char *value)
{
	const char *is = gp_postfix_override_of(s, name);

	return is != NULL && strcmp(is, value) == 0;
}

enum gp_postfix_use
gp_postfix_use(const struct gp_postfix_service *s)
{
	static const char *const inbound[] = { "smtp", "25", NULL };
	static const char *const submission[] = { "submission", "submissions",
		"smtps", "587", "465", NULL };

	if (strcmp(s->command, "smtpd") != 0)
		return GP_POSTFIX_NO_SMTPD;
	if (has_port(s, inbound) ||
	    gp_str_ends_nocase(gp_str(s->name), GP_STR("/pass")))
		return GP_POSTFIX_INBOUND;
	if (has_port(s, submission) ||
	    says(s, "smtpd_sasl_auth_enable", "yes") ||
	    says(s, "milter_macro_daemon_name", "ORIGINATING"))
		return GP_POSTFIX_SUBMISSION;
	return GP_POSTFIX_OTHER;
}
