/* See dkim_pem.h.  Made for these tests and used nowhere else. */
#include "support/dkim_pem.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const pems[] = {
	[DKIM_PEM_RSA_A] =
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSiAgEAAoIBAQC8mYN+EnMY5GmJ\n"
	    "+1NFaii/VyhHJgnjgJ7F6nEiko1K7APJXzsDyO9DUskgICBy0A/Uv5C/o99pXyEE\n"
	    "kxpkms4VbDcwhbGfX0wpQYgC9dbBzJkAklXub4LuuA5PZ6EgbWTF435f6rREygYK\n"
	    "VqoqWshvQOI5nwxHL2nGh2ig/zPULMgm2g4fvSdEhVpZFMhQUGRfy+us+W/jVqTw\n"
	    "8ojHnFqaZuOUSgDYITsfgrFZXQ3D7nWPucIsFGrPTemRgNdNJaV255ww5/+SL6xl\n"
	    "EeSfZReUhNp2dNjLIMEPP58OtlikPHScat5+re2Amz7jnF+NmAquviG84jdQwErJ\n"
	    "vXKXK4rvAgMBAAECggEARjryPL25D4FrDZ9BvH0SLGJT1N7E2ut39GJfe8zQAaDO\n"
	    "riugqcGm206WJ7je7HIvGv209LAczzvF61KuBt2gtViFWrPGV38guNI2yEdsj+FU\n"
	    "7mIPzsjGnId8iLQhy5YA6zHSSvx24ZDLXAk2t6vzrH4gX+2qoE13GZ8t5pnx3mWk\n"
	    "T/aJXNqiEGTidB7q4xwX0bIphszCCypPWHYVSDW2y55yqi8Ud6fnV42e3UJf6nUX\n"
	    "XyD2Db0yV3OqBuRmuCp/xxhTBW9r6YlWvvMTZmTYP+tz3CgLtwb7uIgb5B34vzE0\n"
	    "erRqbyg3GArlzxzb4gwGjwNtKqsabiAz0QiACE7+CQKBgQDxAR8Umhn+mg8u/wwP\n"
	    "OVvlj3u9S+F+nfYFok5/8ziamrHaaVPDb2OdyyVNPz7vGDBnXHF32Q8YGDp74gvO\n"
	    "gMyGSmIUMn+ccudA/sLKvpcnd81jrGXO12svvnC+RtcBj6JQDZVSJd4YuJR4eHu+\n"
	    "VGbpVjmF05C80Etmwa76Eo2wmQKBgQDIVaeo0GoW7rWPq+dSvAdyMP5HeK///+Ti\n"
	    "OXZj+RlXDgHvHr5tTFSJnpoczGP1ouI16aPYD7G2d4yXh2RRTbJH78IKcsRpQlu+\n"
	    "gKqp2hae6EaTCZC+ASvBH4Hs2NNTUBnlqWFAN0eHR41IcLYoXDE76oww+gfy4ZCv\n"
	    "K6k7fBfkxwKBgBA8UhqyMvQa7tDsr6RK6ezyGJTtCrjb7Vn90CoAeZy4tSiQlesB\n"
	    "kwVrTQ0CKLw0tfYQnThEsCagYzg7Ry5XMPAPDMJtkHk6qGeRgg/kfQxUnsqLL6Sa\n"
	    "kIb73l6DKTLauUWJVLjfAjJKJP5kp3lv+CrZ+zAPy51crueyPpZsL41pAoGAaoxj\n"
	    "530xb5D2L7uWBILM0wcLtqeRs+49pbQ6K2HJAGwKy0rmrOrz613XSYnLgFFpTpM8\n"
	    "+SUft5RNyinQSQ2xzGDQKw5vOCx67w8vtbawYUPYhUuJGAU3aDeBup53htALdgJo\n"
	    "HudHu8NqeSS5PS4LYXqVpVbV82/Uq9Xk5CZT7vECgYArSM6eI464gFSZnZKf66Q3\n"
	    "5/DhzXDt2y2nLLpHxACp0aoRnhTtbTV3e36/OMPWT2hc/nB6hAsE5d+mU28mo/Mg\n"
	    "Y/1Zd1e1WgCya+ouey0dj7HAFc8HNOZFbZqzlK7bFSKuCSwU/YEM+1ARhzFTmCqU\n"
	    "cMRfCtFQWzU2+1cBZlF8ZQ==\n"
	    "-----END PRIVATE KEY-----\n",
	[DKIM_PEM_RSA_B] =
	    "-----BEGIN RSA PRIVATE KEY-----\n"
	    "MIIEogIBAAKCAQEAv48DveXwych3Ev9qTBuch0mLWcIl92xS3S2EnBYSxtAvZ2A6\n"
	    "TCEMDowIboAxjbugkfJM0dP8ZBcWIt1qm3uWGYqj09YzTEPQ3XPLN4t2hg1RyFiV\n"
	    "MX2zBf1nmdcUcQHKYrTxrtVBZvFOaAsEqZWrwiTH85LRGjktYh2J/kkIcXsnRPLn\n"
	    "F5HhKA0NwZvzAx+/LZ7q5+3XwYb0VsDmmLEfPbKSgtCglJczgDgKcb88pn/992+k\n"
	    "uO1loKzw5SvEn/KCLRCKVJufba1g0Quu5zmsFIcQ1mHa3wl0Bhs3GK/EUzFlThVd\n"
	    "7lsqhttcXMko5qVL9sKB1NCXu+qDXuykPAgIDwIDAQABAoIBABSCMsPbgOaRnFH/\n"
	    "33kLgbwoPw+ajicJxWthqq9tW5BGjLS0JDmvVhOeoW53Mhb7DgtiFiBm4kAzCo8s\n"
	    "BnRkDGNqqPSOm8pf/lYfRhQJzeQ3O9jHxx1X2FldUoCxesJIj0r3FWMC+PAVCLBx\n"
	    "8YtYd12fQ3sL7nAwy++Tuwjq98jyV3A2LX/Cm5l+lpS83VEVwv/CUPHrfqlWmhkp\n"
	    "EsxdFWNpj2how0J/CTaV5fLWFbQjOxlyC52x9y3I+aSCXTqeo9XBctekd8hplKfV\n"
	    "nmD4EJbnPVc+53EF/boyAhkeJY3IoD/wZnlBeracAVvtqWBT4e6tSxCqt6yjLvAF\n"
	    "MLV4cxECgYEA7RdQNcljL5sOLRlpQLvcgCxzFz7c5qmiVMnrodNyFE58woSXRxzJ\n"
	    "s51KSEd+N2GCpTjVeUci6bpRX7KvX3dmGjP+nRce1Q/lpN8dPhOPOZDBXHkja4JL\n"
	    "kbU0/ReEmirxu52VBwxipB2ij/OnTidANgYNPYmTwE7wIJ3sAKgTSfECgYEAztYQ\n"
	    "9k02LZ2gSU23VlGVzz+7cbmT+ekgm4ufb5aj88QtchSoBZjGVzy7ylj0QPhDXy2D\n"
	    "PILKSbR5+vy+HW26x+DxXCJivhyRRvUmfii3JGHiMNW1t5/SmT9ErTiQE71Np17J\n"
	    "Z5ZbQXf0OaswN/fiE0ZQGiLt3+VGlTSxcGIOcf8CgYBkLUST5WrGU6KyxZjmZDov\n"
	    "4hgjC0m1IJnZb5PjRX9fOyaV3gY5Yt2Kyfv3/FVFOytDencgjkEfNr1pTQuyr7Vx\n"
	    "fuSnJXy+k7/5YNhvQT50GUjKNNkVdPFPOJySD9zUcy6+kj/EwaPwKiFk55OafxUv\n"
	    "fnEbvkSyrefiMDfmsx2rUQKBgCZrEpl9O/v7FEOpYM1yt/3X26xDCR5ZVAowQ/wJ\n"
	    "IgjsPni7J35qoySfDk6GeU/8DR+Hp6G8tXA9So75FSMIN7JasNopNOgVDFL+xBiY\n"
	    "3XOvjsD9YRRrZkW6v7nhELnp5puY+pX4Epk1e7KefoVW0LI91DEWndKBlruuHus9\n"
	    "+2rnAoGALEgsFcTxqWzr+OVNifeqtBh/ag/gCQV6SbpfeD19I9NMa7b75N1kkgyS\n"
	    "rnESZEcKQTvHRIgC6PxuIeLutL6VPHqqodZJnfPoaWdcmjrUG/Ax/xDRMDcZyh5Z\n"
	    "wDfReofyHhEMquwePd4mPtUzpo8GIBk+RCLW+/TWq7z88Ka++Hc=\n"
	    "-----END RSA PRIVATE KEY-----\n",
	[DKIM_PEM_RSA_WEAK] =
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MIICdgIBADANBgkqhkiG9w0BAQEFAASCAmAwggJcAgEAAoGBAL0U2UzAiSmRe3Zt\n"
	    "8V4KIBtTsLZZeedlDBtW+Lg+PsL7KvezL8silcc5GGjJsLuWztDLpINzoozjCJTu\n"
	    "SMx/U9JBrVswIZInMS75yUcpOerdFOq6v/LNs4nzMWAGcLt9MNY3w6lR6yWp7gNY\n"
	    "jgphNupNsUcuCbuhGLLNXFDNhqgZAgMBAAECgYBH1V3gvNzfP/gJvCcQtQQRna/q\n"
	    "9v9LG6aH1HjVdkBdzxI53IdxwwfoEhbl6IoOGnMj+9naXtoIcFBYVFav6kerV0tz\n"
	    "GsZzQsbSN/4qJLW5lhHFGt2oG84LBmGpyj+MxrnBSpu+QeMvGZ7WVilw3ybLmRhB\n"
	    "vGQlrpFflQztHRQxoQJBAPTb/4ppQs/YGaS33mf/gM0US/sqWyZGUKceeegEil4z\n"
	    "D+2MIlT/EngV7VFl4HKxXFNoN+5lGoWTY4PzqXuWL70CQQDFry07eIp4afTALnGr\n"
	    "qHLdsG3sUtT7KUrvxqVs+8dwujOQD9R/QwzVCjNiB/M5xLgdPtnwuFQrrFFhQfih\n"
	    "MyGNAkB95/3viw6q10DgXReEvHHbghtLzEzQUom4VUh0EJmhtHn1OQCSWhKCIyxD\n"
	    "lbIi56ZE0Sspb12C3/Xk7M7yWJi1AkBwaUvMXKBJFt9hhUeIOHKRE6l+UB/ibrm5\n"
	    "HXmmPopL1OZLTmUktOkQIAvV+/VYbT/RCZN+6iKa7xMbvhr2949lAkEAoBVsf3ve\n"
	    "Jnzwh4v2lwOomxK9qxqvimEBo9l7szibtKY65p+SJUdo5fKCI/oYRGq4BB5a3Q8L\n"
	    "a3/Ks5ItfHahBw==\n"
	    "-----END PRIVATE KEY-----\n",
	[DKIM_PEM_ED25519] =
	    "-----BEGIN PRIVATE KEY-----\n"
	    "MC4CAQAwBQYDK2VwBCIEIPAuKp4OprQSs16Uy+lEHO4ArFXujEYLWHxY9ZAWTz0k\n"
	    "-----END PRIVATE KEY-----\n",
};

static void
die(const char *what)
{
	perror(what);
	abort();
}

const char *
dkim_pem(enum dkim_pem which)
{
	return pems[which];
}

void
dkim_pem_write(const char *dir, const char *name, enum dkim_pem which)
{
	const size_t n = strlen(pems[which]);
	char path[512];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, pems[which], n) != (ssize_t)n || close(fd) != 0)
		die(path);
}

struct gp_private_key *
dkim_pem_key(enum dkim_pem which)
{
	struct gp_private_key *key;
	struct gp_err err;

	if (gp_private_key_parse(gp_str(pems[which]), &key, &err) != GP_OK) {
		(void)fprintf(stderr, "dkim_pem: %s\n", err.msg);
		abort();
	}
	return key;
}

char *
dkim_pem_record(enum dkim_pem which)
{
	struct gp_private_key *key = dkim_pem_key(which);
	struct gp_buf text;
	char *copy;

	gp_buf_init(&text, 4096);
	gp_dkim_key_format(gp_private_key_public(key), &text);
	copy = strdup(gp_buf_cstr(&text));
	gp_buf_clear(&text);
	gp_private_key_unref(key);
	if (copy == NULL)
		die("strdup");
	return copy;
}
