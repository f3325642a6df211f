/*
 * gp_redis_url_parse: what is refused says why without a piece of it; what is
 * accepted is within its bounds, and reads as the same again when it is shown
 * without its password, which is in what is shown nowhere.
 */
#include "core/policy_form.h"
#include "core/redis_url.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define PASSWORD "a blank is nowhere else"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_bounds(const struct gp_redis_url *url)
{
	assert(strlen(url->place) > 0);
	assert(strlen(url->place) <= GP_REDIS_PLACE_MAX);
	assert(!url->is_unix || strlen(url->place) <= GP_REDIS_PATH_MAX);
	assert(url->is_unix == (url->place[0] == '/'));
	assert(url->is_unix == (url->port == 0));
	assert(url->number <= 1023);
	assert(!url->is_unix ||
	       (url->user[0] == '\0' && url->password[0] == '\0'));
}

static void
check_shown(struct gp_redis_url *url)
{
	struct gp_redis_url again;
	struct gp_buf shown;

	memcpy(url->password, PASSWORD, sizeof(PASSWORD));
	gp_buf_init(&shown, 4096);
	gp_redis_url_show(url, &shown);
	assert(!shown.overflow);
	assert(url->is_unix || strchr(gp_buf_cstr(&shown), ' ') == NULL);
	assert(gp_redis_url_parse(gp_buf_str(&shown), &again, NULL) == GP_OK);
	assert(strcmp(again.place, url->place) == 0);
	assert(strcmp(again.user, url->user) == 0);
	assert(again.password[0] == '\0');
	assert(again.is_unix == url->is_unix && again.port == url->port);
	assert(again.number == url->number);
	gp_buf_clear(&shown);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct gp_redis_url url;
	struct gp_err err = { "" };
	enum gp_rc rc;

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	rc = gp_redis_url_parse(gp_str_n(text, size), &url, &err);
	assert(rc == GP_OK || rc == GP_PERM);
	assert((rc == GP_OK) == (err.msg[0] == '\0'));
	if (rc == GP_OK) {
		assert(gp_form_store(gp_str_n(text, size), NULL));
		check_bounds(&url);
		check_shown(&url);
	}
	free(text);
	return 0;
}
