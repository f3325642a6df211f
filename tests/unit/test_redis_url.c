/* Where a Redis is: what is accepted, what is refused, and no password in any
 * sentence. */
#include "core/redis_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define ROWS(a) (sizeof(a) / sizeof((a)[0]))

#define TEN     "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static void
redis_url_parse_accepts(void **state)
{
	static const struct {
		const char *url, *place, *user, *password;
		unsigned port, number;
		const char *shown; /* NULL: the same */
	} rows[] = {
		{ .url = "redis://127.0.0.1:6380/15",
		    .place = "127.0.0.1",
		    .port = 6380,
		    .number = 15 },
		{ .url = "Redis://Redis.Example.",
		    .place = "redis.example",
		    .port = 6379,
		    .shown = "redis://redis.example:6379/0" },
		{ .url = "redis://my_redis:1/1023",
		    .place = "my_redis",
		    .port = 1,
		    .number = 1023 },
		{ .url = "redis://[2001:db8::1]",
		    .place = "2001:db8::1",
		    .port = 6379,
		    .shown = "redis://[2001:db8::1]:6379/0" },
		{ .url = "redis://[::1]:65535/2",
		    .place = "::1",
		    .port = 65535,
		    .number = 2 },
		{ .url = "redis://:geheim@h",
		    .place = "h",
		    .password = "geheim",
		    .port = 6379,
		    .shown = "redis://h:6379/0" },
		{ .url = "redis://gate:a%3ab%40%2f%25%20%ff@h:1",
		    .place = "h",
		    .user = "gate",
		    .password = "a:b@/% \xff",
		    .port = 1,
		    .shown = "redis://gate@h:1/0" },
		{ .url = "redis://g%3Aa%C3%A4t@h:1/0",
		    .place = "h",
		    .user = "g:a\xc3\xa4t",
		    .port = 1 },
		{ .url = "redis+unix:///run/redis/s.sock",
		    .place = "/run/redis/s.sock",
		    .shown = "redis+unix:///run/redis/s.sock?db=0" },
		{ .url = "redis+unix:///r%20@:s?db=7",
		    .place = "/r%20@:s",
		    .number = 7 },
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct gp_redis_url url;
		struct gp_buf shown;
		struct gp_err err;

		print_message("# %s\n", rows[i].url);
		assert_int_equal(gp_redis_url_parse(gp_str(rows[i].url), &url,
				     &err),
		    GP_OK);
		assert_string_equal(url.place, rows[i].place);
		assert_int_equal(url.is_unix, url.place[0] == '/');
		assert_int_equal(url.port, rows[i].port);
		assert_int_equal(url.number, rows[i].number);
		assert_string_equal(url.user,
		    rows[i].user == NULL ? "" : rows[i].user);
		assert_string_equal(url.password,
		    rows[i].password == NULL ? "" : rows[i].password);
		gp_buf_init(&shown, 4096);
		gp_redis_url_show(&url, &shown);
		assert_string_equal(gp_buf_cstr(&shown),
		    rows[i].shown == NULL ? rows[i].url : rows[i].shown);
		gp_buf_clear(&shown);
	}
}

static void
redis_url_parse_refuses_and_quotes_nothing(void **state)
{
	static const char *const rows[] = { "", "redis", "redis:/h", "http://h",
		"rediss://geheim:geheim@h", "redis://", "redis:///1",
		"redis://h/", "redis://h/x", "redis://h/1024", "redis://h/-1",
		"redis://h/1/2", "redis://h?db=1", "redis://h:", "redis://h:0",
		"redis://h:65536", "redis://h:1:2", "redis://::1",
		"redis://a..b", "redis://-a", "redis://[::1", "redis://[::1]x",
		"redis://[]", "redis://[127.0.0.1]", "redis://[geheim]",
		"redis://geheim@", "redis://@h", "redis://:@h", "redis://u:@h",
		"redis://u:geheim:@h", "redis://u:geheim@geheim@h",
		"redis://u:gehe im@h", "redis://u:geheim/@h",
		"redis://u:geheim%@h", "redis://u:geheim%2@h",
		"redis://u:geheim%2x@h", "redis://u:geheim%00@h",
		"redis://u:geheim\n@h",
		"redis://u:" HUNDRED HUNDRED HUNDRED HUNDRED HUNDRED TEN
		"geheim@h",
		"redis://" HUNDRED TEN TEN "geheimesx@h", "redis+unix://",
		"redis+unix:///", "redis+unix://run/s", "redis+unix:///s?",
		"redis+unix:///s?db=", "redis+unix:///s?db=1024",
		"redis+unix:///s?d=1", "redis+unix:///\x01",
		"redis+unix:///" HUNDRED TEN };

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct gp_redis_url url;
		struct gp_err err = { "" };

		print_message("# %.60s\n", rows[i]);
		assert_int_equal(gp_redis_url_parse(gp_str(rows[i]), &url,
				     &err),
		    GP_PERM);
		assert_non_null(strstr(err.msg, "the URL of the Redis: "));
		assert_null(strstr(err.msg, "geheim"));
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(redis_url_parse_accepts),
		cmocka_unit_test(redis_url_parse_refuses_and_quotes_nothing),
	};

	return cmocka_run_group_tests_name("redis_url", tests, NULL, NULL);
}
