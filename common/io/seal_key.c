/* See seal_key.h. */
#include "io/seal_key.h"

#include "base/base64.h"
#include "io/crypto.h"
#include "io/random.h"
#include "io/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_MODE 0640

/* 32 bytes in base64 and a line end; one more shows a longer file. */
#define KEY_TEXT  44
#define FILE_READ (KEY_TEXT + 2)

#define SUFFIX_BYTES 8

static enum gp_rc
fail_errno(struct gp_err *err, const char *path, const char *what)
{
	int error = errno;
	char text[128];

	return gp_fail(err, gp_rc_of_errno(error), "%s: %s: %s", path, what,
	    strerror_r(error, text, sizeof(text)));
}

static enum gp_rc
decode(struct gp_str text, const char *path, struct gp_seal_key *out,
    struct gp_err *err)
{
	size_t n;

	if (text.n == KEY_TEXT + 1 && text.p[KEY_TEXT] == '\n')
		text.n--;
	if (gp_base64_decode(text, out->bytes, sizeof(out->bytes), &n) ==
		GP_OK &&
	    n == sizeof(out->bytes))
		return GP_OK;
	explicit_bzero(out, sizeof(*out));
	return gp_fail(err, GP_PERM,
	    "%s: the seal key is damaged: not %zu bytes in base64; remove the "
	    "file and restart all daemons that share it",
	    path, sizeof(out->bytes));
}

/* GP_NONE: no such file. */
static enum gp_rc
load(const char *path, struct gp_seal_key *out, struct gp_err *err)
{
	char text[FILE_READ];
	struct gp_secret_bytes bytes = { .p = text, .size = sizeof(text) };
	enum gp_rc rc =
	    gp_secret_file_load(path, "the seal key", false, &bytes, err);

	if (rc == GP_OK)
		rc = decode(gp_str_n(text, bytes.n), path, out, err);
	explicit_bzero(text, sizeof(text));
	return rc;
}

static enum gp_rc
write_key(int fd, const char *path, struct gp_err *err)
{
	uint8_t bytes[sizeof(((struct gp_seal_key *)NULL)->bytes)];
	struct gp_buf text;
	enum gp_rc rc = GP_OK;

	if (gp_random_bytes(bytes, sizeof(bytes)) != GP_OK)
		return gp_fail(err, GP_TEMP,
		    "%s: no random bytes for the seal key", path);
	gp_buf_init(&text, KEY_TEXT + 1);
	gp_base64_encode(bytes, sizeof(bytes), &text);
	gp_buf_addc(&text, '\n');
	errno = ENOSPC; /* what a short write means, which sets none */
	/* fchmod, because the umask may have taken the group's bit */
	if (write(fd, text.p, text.n) != (ssize_t)text.n ||
	    fchmod(fd, KEY_MODE) != 0 || fsync(fd) != 0)
		rc = fail_errno(err, path, "can not write the seal key");
	explicit_bzero(text.p, text.n);
	explicit_bzero(bytes, sizeof(bytes));
	gp_buf_clear(&text);
	return rc;
}

/* "PATH.0123456789abcdef", in the same directory. */
static enum gp_rc
temporary_name(const char *path, char name[PATH_MAX], struct gp_err *err)
{
	uint8_t random[SUFFIX_BYTES];
	struct gp_buf text;
	enum gp_rc rc = GP_OK;

	if (gp_random_bytes(random, sizeof(random)) != GP_OK)
		return gp_fail(err, GP_TEMP,
		    "%s: no random bytes for a temporary name", path);
	gp_buf_init(&text, PATH_MAX - 1);
	gp_buf_addf(&text, "%s.", path);
	for (size_t i = 0; i < sizeof(random); i++)
		gp_buf_addf(&text, "%02x", (unsigned)random[i]);
	if (text.overflow)
		rc = gp_fail(err, GP_PERM, "%s: the path is too long", path);
	else
		memcpy(name, text.p, text.n + 1);
	gp_buf_clear(&text);
	return rc;
}

/* A file of its own gets the key, then the name, which link() gives to one
 * only: whoever comes second reads the first one's key. */
static enum gp_rc
create(const char *path, struct gp_err *err)
{
	char name[PATH_MAX];
	enum gp_rc rc = temporary_name(path, name, err);
	int fd;

	if (rc != GP_OK)
		return rc;
	fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	    KEY_MODE);
	if (fd < 0)
		return fail_errno(err, path, "can not create the seal key");
	rc = write_key(fd, path, err);
	if (close(fd) != 0 && rc == GP_OK)
		rc = fail_errno(err, path, "can not write the seal key");
	if (rc == GP_OK && link(name, path) != 0 && errno != EEXIST)
		rc = fail_errno(err, path, "can not create the seal key");
	(void)unlink(name);
	return rc;
}

enum gp_rc
gp_seal_key_load(const char *path, struct gp_seal_key *out, struct gp_err *err)
{
	enum gp_rc rc = load(path, out, err);

	if (rc != GP_NONE)
		return rc;
	rc = create(path, err);
	if (rc != GP_OK)
		return rc;
	rc = load(path, out, err);
	if (rc == GP_NONE)
		return gp_fail(err, GP_TEMP,
		    "%s: the seal key vanished while it was read", path);
	return rc;
}

void
gp_seal_key_mac(const void *arg, struct gp_str data,
    uint8_t mac[GP_SEAL_MAC_BYTES])
{
	const struct gp_seal_key *key = arg;

	gp_hmac_sha256(gp_str_n((const char *)key->bytes, sizeof(key->bytes)),
	    data, mac);
}
