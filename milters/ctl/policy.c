/* See policy.h. */
#include "ctl/policy.h"

#include <stdio.h>
#include <string.h>

/* -- show ----------------------------------------------------------------- */

/* Which block it is, and why. */
static void
say_block(const struct gp_policy *p, const char *domain)
{
	struct gp_buf line;

	gp_buf_init(&line, SIZE_MAX);
	if (p->domain == NULL)
		gp_buf_addf(&line,
		    "# %s: no domain block is for it, the global values hold\n",
		    domain);
	else
		gp_buf_addf(&line, "# %s: %s block \"%s\", %s:%u\n", domain,
		    strcmp(p->domain, domain) == 0
			? "its own"
			: "with subdomains = yes, the",
		    p->domain, p->origin.file, p->origin.line);
	ctl_print_text(gp_buf_str(&line));
	gp_buf_clear(&line);
}

static void
json_origin(struct gp_json *j, struct gp_origin where)
{
	gp_json_string(j, "file", where.file);
	if (where.file == NULL)
		gp_json_null(j, "line");
	else
		gp_json_int(j, "line", where.line);
}

static void
json_value(void *arg, const struct gp_shown *v)
{
	struct gp_json *j = arg;

	gp_json_object(j, NULL);
	gp_json_string(j, "name", v->name);
	gp_json_string(j, "value", v->value);
	json_origin(j, v->where);
	gp_json_end(j);
}

static void
json_show(const struct gp_policy *p, const char *domain)
{
	struct gp_buf out;
	struct gp_json j;

	gp_buf_init(&out, SIZE_MAX);
	j = ctl_json_begin(&out);
	gp_json_string(&j, "domain", domain);
	gp_json_string(&j, "block", p->domain);
	json_origin(&j, p->origin); /* of the global values: none */
	gp_json_array(&j, "values");
	gp_policy_each(p, json_value, &j);
	gp_json_end(&j);
	ctl_json_end(&j);
	gp_buf_clear(&out);
}

int
ctl_policy_show(const struct ctl *ctl, const struct ctl_args *args)
{
	struct gp_config *config = NULL;
	const struct gp_policy *p;
	char domain[GP_DOMAIN_TEXT];
	struct gp_buf out;
	int code = ctl_domain(args->v[0], domain);

	if (code == 0)
		code = ctl_load(ctl, &config);
	if (code != 0)
		return code;
	p = gp_policy_for(config, domain);
	if (ctl->json) {
		json_show(p, domain);
	} else {
		say_block(p, domain);
		gp_buf_init(&out, SIZE_MAX);
		gp_policy_show(p, &out);
		ctl_print_text(gp_buf_str(&out));
		gp_buf_clear(&out);
	}
	gp_config_unref(config);
	return 0;
}

/* -- list ----------------------------------------------------------------- */

static const char *const states[] = {
	[GP_KEY_STAGED] = "staged",
	[GP_KEY_ACTIVE] = "active",
	[GP_KEY_RETIRED] = "retired",
};

static void
add_block(const struct gp_policy *p, struct gp_buf *out)
{
	gp_buf_addf(out, "%s%s\t%s\t", p->domain,
	    p->subdomains ? " and below" : "",
	    p->profile == NULL ? "-" : p->profile);
	for (size_t i = 0; i < p->n_keys; i++)
		gp_buf_addf(out, "%s%s %s", i == 0 ? "" : ", ",
		    p->keys[i].selector, states[p->keys[i].state]);
	gp_buf_addf(out, "%s\t%s:%u\n", p->n_keys == 0 ? "-" : "",
	    p->origin.file, p->origin.line);
}

static void
json_block(const struct gp_policy *p, struct gp_json *j)
{
	gp_json_object(j, NULL);
	gp_json_string(j, "domain", p->domain);
	gp_json_bool(j, "subdomains", p->subdomains);
	gp_json_string(j, "profile", p->profile);
	gp_json_array(j, "keys");
	for (size_t i = 0; i < p->n_keys; i++) {
		gp_json_object(j, NULL);
		gp_json_string(j, "selector", p->keys[i].selector);
		gp_json_string(j, "state", states[p->keys[i].state]);
		json_origin(j, p->keys[i].origin);
		gp_json_end(j);
	}
	gp_json_end(j);
	json_origin(j, p->origin);
	gp_json_end(j);
}

static void
json_list(const struct gp_policy *blocks, size_t n)
{
	struct gp_buf out;
	struct gp_json j;

	gp_buf_init(&out, SIZE_MAX);
	j = ctl_json_begin(&out);
	gp_json_array(&j, "domains");
	for (size_t i = 0; i < n; i++)
		json_block(&blocks[i], &j);
	gp_json_end(&j);
	ctl_json_end(&j);
	gp_buf_clear(&out);
}

int
ctl_policy_list(const struct ctl *ctl, const struct ctl_args *args)
{
	struct gp_config *config = NULL;
	const struct gp_policy *blocks;
	struct gp_buf out;
	size_t n;
	int code = ctl_load(ctl, &config);

	(void)args;
	if (code != 0)
		return code;
	blocks = gp_config_domains(config, &n);
	if (ctl->json) {
		json_list(blocks, n);
	} else {
		gp_buf_init(&out, SIZE_MAX);
		for (size_t i = 0; i < n; i++)
			add_block(&blocks[i], &out);
		ctl_print_table(gp_buf_str(&out));
		gp_buf_clear(&out);
	}
	gp_config_unref(config);
	return 0;
}

/* -- defaults ------------------------------------------------------------- */

/* "domain/key" and "state": "domain.key.state". */
static void
add_path(const struct gp_option_info *info, struct gp_buf *out)
{
	struct gp_str rest = gp_str(info->section);

	while (rest.n > 0) {
		gp_buf_add_str(out, gp_str_split(&rest, '/'));
		gp_buf_addc(out, '.');
	}
	gp_buf_adds(out, info->name);
}

static void
text_defaults(struct gp_buf *out)
{
	struct gp_option_info info;

	for (size_t i = 0; (info = gp_option_info(i)).section != NULL; i++) {
		if (info.name == NULL)
			continue;
		add_path(&info, out);
		if (info.is_list)
			gp_buf_addf(out,
			    info.fallback[0] == '\0' ? " = { }" : " = { %s }",
			    info.fallback);
		else
			gp_buf_addf(out, " = %s",
			    info.fallback[0] == '\0' ? "\"\"" : info.fallback);
		gp_buf_addf(out, "  # %s\n", info.expected);
	}
}

static void
json_defaults(struct gp_buf *out)
{
	struct gp_json j = ctl_json_begin(out);
	struct gp_option_info info;
	struct gp_buf path;

	gp_buf_init(&path, SIZE_MAX);
	gp_json_array(&j, "options");
	for (size_t i = 0; (info = gp_option_info(i)).section != NULL; i++) {
		if (info.name == NULL)
			continue;
		gp_buf_reset(&path);
		add_path(&info, &path);
		gp_json_object(&j, NULL);
		gp_json_string(&j, "name", gp_buf_cstr(&path));
		gp_json_string(&j, "default", info.fallback);
		gp_json_bool(&j, "list", info.is_list);
		gp_json_string(&j, "expected", info.expected);
		gp_json_end(&j);
	}
	gp_json_end(&j);
	ctl_json_end(&j);
	gp_buf_clear(&path);
}

int
ctl_policy_defaults(const struct ctl *ctl, const struct ctl_args *args)
{
	struct gp_buf out;

	(void)args;
	gp_buf_init(&out, SIZE_MAX);
	if (ctl->json) {
		json_defaults(&out);
	} else {
		text_defaults(&out);
		ctl_print_text(gp_buf_str(&out));
	}
	gp_buf_clear(&out);
	return 0;
}
