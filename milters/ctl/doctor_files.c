/* Topic "files": may the daemons read what they need, and nobody else what is
 * secret? */
#include "ctl/doctor.h"

#include "io/key_file.h"
#include "io/secret_file.h"
#include "io/user_access.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#define TOPIC "files"
#define NAME  64

enum { SPF, DKIM, DMARC, RATE };

/* -- for one daemon ----------------------------------------------------- */

static bool
user_of(struct doctor *d, const struct doctor_daemon *daemon,
    struct gp_user *out)
{
	const char *pid = ctl_doctor_status(d, daemon, "pid");
	uint64_t n;

	return pid != NULL &&
	       gp_parse_u64(gp_str(pid), INT32_MAX, &n) == GP_OK &&
	       gp_user_of((pid_t)n, out, NULL) == GP_OK;
}

/* Can it read the file at its next reload? */
static void
find_access(struct doctor *d, const struct doctor_daemon *daemon,
    const char *path)
{
	struct gp_user user;
	struct gp_err err;
	char group[NAME];

	if (!user_of(d, daemon, &user) ||
	    gp_user_can_read(&user, path, &err) != GP_PERM)
		return;
	gp_findings_add(d->findings, GP_RED, TOPIC, daemon->name, "%s",
	    err.msg);
	gp_findings_remedy(d->findings, "chgrp %s %s\nchmod g+r %s",
	    gp_user_group(&user, group, sizeof(group)), path, path);
}

/* -- policy ------------------------------------------------------------- */

static void
find_policy_file(struct doctor *d, const char *path)
{
	for (size_t i = 0; i < CTL_DAEMONS; i++)
		if (d->daemons[i].status != NULL)
			find_access(d, &d->daemons[i], path);
}

static bool
is_policy_name(const char *name)
{
	return name[0] != '.' &&
	       gp_str_ends_nocase(gp_str(name), GP_STR(".conf"));
}

static void
find_policy_files(struct doctor *d)
{
	const char *slash = strrchr(d->ctl->config, '/');
	const char *folder =
	    slash == NULL ? "policy.d"
			  : gp_arena_printf(d->arena, "%.*s/policy.d",
				(int)(slash - d->ctl->config), d->ctl->config);
	const struct dirent *entry;
	DIR *dir = opendir(folder);

	find_policy_file(d, d->ctl->config);
	/* NOLINTNEXTLINE(concurrency-mt-unsafe): a folder of its own */
	while (dir != NULL && (entry = readdir(dir)) != NULL)
		if (is_policy_name(entry->d_name))
			find_policy_file(d, gp_arena_printf(d->arena, "%s/%s",
						folder, entry->d_name));
	if (dir != NULL)
		(void)closedir(dir);
}

/* -- secrets ------------------------------------------------------------ */

/* Is it only we who can not look at it? */
static bool
is_hidden(struct doctor *d, const char *path)
{
	if (geteuid() == 0 || access(path, R_OK) == 0 || errno != EACCES)
		return false;
	gp_findings_add(d->findings, GP_YELLOW, TOPIC, path,
	    "only root can look at it");
	gp_findings_remedy(d->findings, "sudo gatepost doctor");
	return true;
}

/* The command that the sentence ends in. */
static const char *
command_in(const char *sentence)
{
	static const char *const words[] = { ": chgrp ", ": chown ",
		": chmod " };
	const char *best = NULL;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const char *at = strstr(sentence, words[i]);

		if (at != NULL && (best == NULL || at < best))
			best = at;
	}
	return best == NULL ? "gatepost check" : best + 2;
}

static void
find_key(struct doctor *d, const struct gp_key_policy *key)
{
	struct gp_private_key *loaded = NULL;
	struct gp_err err = { .msg = "" };

	if (key->state == GP_KEY_RETIRED || is_hidden(d, key->file))
		return;
	if (gp_key_file_load(key->file, &loaded, &err) != GP_OK) {
		gp_findings_add(d->findings, GP_RED, TOPIC, key->selector, "%s",
		    err.msg)
		    ->where = key->origin;
		gp_findings_remedy(d->findings, "%s", command_in(err.msg));
	}
	gp_private_key_unref(loaded);
	if (d->daemons[DKIM].status != NULL)
		find_access(d, &d->daemons[DKIM], key->file);
}

static void
find_keys(struct doctor *d)
{
	size_t n;
	const struct gp_policy *blocks = gp_config_domains(d->config, &n);

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < blocks[i].n_keys; k++)
			find_key(d, &blocks[i].keys[k]);
}

/* The seal key that this daemon has, unless one before it has the same. */
static const char *
seal_of(struct doctor *d, size_t i)
{
	const char *path = ctl_doctor_status(d, &d->daemons[i], "seal_key");

	for (size_t k = 0; path != NULL && k < i; k++) {
		const char *before =
		    ctl_doctor_status(d, &d->daemons[k], "seal_key");

		if (before != NULL && strcmp(before, path) == 0)
			return NULL;
	}
	return path;
}

static void
find_seal(struct doctor *d, size_t i)
{
	const char *path = seal_of(d, i);
	char bytes[128];
	struct gp_secret_bytes secret = { .p = bytes, .size = sizeof(bytes) };
	struct gp_err err = { .msg = "" };

	if (path == NULL || is_hidden(d, path))
		return;
	if (gp_secret_file_load(path, "the seal key", false, &secret, &err) !=
	    GP_OK) {
		gp_findings_add(d->findings, GP_RED, TOPIC, path, "%s",
		    err.msg);
		gp_findings_remedy(d->findings, "chmod 0640 %s", path);
	}
	explicit_bzero(bytes, sizeof(bytes));
	for (size_t k = 0; k < CTL_DAEMONS; k++) {
		const char *theirs =
		    ctl_doctor_status(d, &d->daemons[k], "seal_key");

		if (theirs != NULL && strcmp(theirs, path) == 0)
			find_access(d, &d->daemons[k], path);
	}
}

void
ctl_doctor_files(struct doctor *d)
{
	const size_t before = d->findings->n;

	find_policy_files(d);
	find_keys(d);
	for (size_t i = 0; i < CTL_DAEMONS; i++)
		find_seal(d, i);
	if (d->findings->n == before)
		gp_findings_add(d->findings, GP_GREEN, TOPIC, "",
		    "the daemons can read policy, keys and seal, and nobody "
		    "else the secrets");
}
