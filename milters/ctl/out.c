/* Output of ctl.h: tables, findings, JSON. */
#include "ctl/ctl.h"

#include "core/finding.h"

#include <stdio.h>
#include <string.h>

#define COLUMNS_MAX 16
#define SCHEMA      1

/* -- text --------------------------------------------------------------- */

/* ESC begins what ctl_light() has put there itself: "\033[3Xm" and
 * "\033[0m" take no room. */
static size_t
own_colour(struct gp_str s)
{
	if (s.n >= 4 && memcmp(s.p, "\033[0m", 4) == 0)
		return 4;
	if (s.n >= 5 && memcmp(s.p, "\033[3", 3) == 0 && gp_is_digit(s.p[3]) &&
	    s.p[4] == 'm')
		return 5;
	return 0;
}

/* Print it, or only measure it: how wide is it? */
static size_t
print_cell(struct gp_str s, bool print)
{
	size_t width = 0;

	for (size_t i = 0; i < s.n; i++) {
		size_t colour = own_colour(gp_str_n(s.p + i, s.n - i));

		if (colour > 0) {
			if (print)
				(void)fwrite(s.p + i, 1, colour, stdout);
			i += colour - 1;
		} else if (gp_is_print(s.p[i])) {
			if (print)
				(void)putchar(s.p[i]);
			width++;
		} else {
			if (print)
				(void)printf("\\x%02X", (unsigned char)s.p[i]);
			width += 4;
		}
	}
	return width;
}

void
ctl_print_text(struct gp_str text)
{
	while (text.n > 0) {
		(void)print_cell(gp_str_split(&text, '\n'), true);
		(void)putchar('\n');
	}
}

static void
print_row(struct gp_str line, const size_t width[COLUMNS_MAX])
{
	size_t c = 0;

	while (line.p != NULL) {
		struct gp_str cell = gp_str_split(&line, '\t');
		size_t n = print_cell(cell, true);

		if (line.p != NULL && c < COLUMNS_MAX)
			(void)printf("%*s", (int)(width[c] - n) + 2, "");
		c++;
	}
	(void)putchar('\n');
}

void
ctl_print_table(struct gp_str lines)
{
	size_t width[COLUMNS_MAX] = { 0 };
	struct gp_str rest = lines;

	while (rest.n > 0) {
		struct gp_str line = gp_str_split(&rest, '\n');

		for (size_t c = 0; line.p != NULL && c < COLUMNS_MAX; c++) {
			size_t n = print_cell(gp_str_split(&line, '\t'), false);

			width[c] = n > width[c] ? n : width[c];
		}
	}
	while (lines.n > 0)
		print_row(gp_str_split(&lines, '\n'), width);
}

/* -- findings ----------------------------------------------------------- */

const char *
ctl_light(const struct ctl *ctl, unsigned light)
{
	static const char *const plain[] = { "ok", "warn", "FAIL" };
	static const char *const coloured[] = { "\033[32mok\033[0m",
		"\033[33mwarn\033[0m", "\033[31mFAIL\033[0m" };

	return ctl->colour ? coloured[light] : plain[light];
}

static void
json_findings(const struct gp_findings *f)
{
	struct gp_buf out;
	struct gp_json j;

	gp_buf_init(&out, SIZE_MAX);
	j = ctl_json_begin(&out);
	gp_json_string(&j, "worst", gp_light_name(gp_findings_worst(f)));
	gp_json_array(&j, "findings");
	for (size_t i = 0; i < f->n; i++) {
		const struct gp_finding *one = &f->v[i];

		gp_json_object(&j, NULL);
		gp_json_string(&j, "light", gp_light_name(one->light));
		gp_json_string(&j, "topic", one->topic);
		gp_json_string(&j, "subject", one->subject);
		gp_json_string(&j, "what", one->what);
		gp_json_string(&j, "remedy", one->remedy);
		gp_json_string(&j, "file", one->where.file);
		if (one->where.file != NULL)
			gp_json_int(&j, "line", one->where.line);
		gp_json_end(&j);
	}
	gp_json_end(&j);
	ctl_json_end(&j);
	gp_buf_clear(&out);
}

/* The topic of finding i was not met before it. */
static bool
is_new_topic(const struct gp_findings *f, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (strcmp(f->v[k].topic, f->v[i].topic) == 0)
			return false;
	return true;
}

static void
add_finding(const struct ctl *ctl, struct gp_buf *out,
    const struct gp_finding *f)
{
	struct gp_str remedy = gp_str(f->remedy == NULL ? "" : f->remedy);

	gp_buf_addf(out, "%s\t%s\t%s\t%s", ctl_light(ctl, f->light), f->topic,
	    f->subject, f->what);
	if (f->where.file != NULL)
		gp_buf_addf(out, " (%s:%u)", f->where.file, f->where.line);
	gp_buf_addc(out, '\n');
	while (remedy.n > 0) {
		struct gp_str line = gp_str_split(&remedy, '\n');

		gp_buf_addf(out, "\t\t\t-> %.*s\n", GP_STR_ARG(line));
	}
}

static void
add_topic(const struct ctl *ctl, struct gp_buf *out,
    const struct gp_findings *f, const char *topic)
{
	for (unsigned light = GP_RED + 1; light-- > GP_GREEN;)
		for (size_t i = 0; i < f->n; i++)
			if (f->v[i].light == light &&
			    strcmp(f->v[i].topic, topic) == 0)
				add_finding(ctl, out, &f->v[i]);
}

int
ctl_print_findings(const struct ctl *ctl, const struct gp_findings *findings)
{
	struct gp_buf out;

	if (ctl->json) {
		json_findings(findings);
	} else {
		gp_buf_init(&out, SIZE_MAX);
		for (size_t i = 0; i < findings->n; i++)
			if (is_new_topic(findings, i))
				add_topic(ctl, &out, findings,
				    findings->v[i].topic);
		ctl_print_table(gp_buf_str(&out));
		gp_buf_clear(&out);
	}
	return gp_findings_worst(findings) == GP_RED ? 1 : 0;
}

/* -- JSON --------------------------------------------------------------- */

struct gp_json
ctl_json_begin(struct gp_buf *out)
{
	struct gp_json j;

	gp_json_init(&j, out);
	gp_json_object(&j, NULL);
	gp_json_int(&j, "schema", SCHEMA);
	return j;
}

void
ctl_json_end(struct gp_json *json)
{
	gp_json_end(json);
	(void)puts(gp_buf_cstr(json->out));
}
