#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <string.h>

#include "domain/webhook_sign.h"

/* The first row is the test vector of the reference libraries (libraries/.../test_webhooks); the last two were made by
 * the packages standardwebhooks 1.1.1 and svix 1.60.0, which agree; the others were computed with Python's hmac. */
static const struct {
    const char *secret;
    const char *id;
    int64_t timestamp_s;
    const char *body;
    const char *signature;
} vectors[] = {
    {"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, "{\"test\": 2432232314}",
     "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
    {"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX", "id", 1, "{}", "v1,jKeiLoQ/jekyu4zXRAnroVm2SqYp87LgZl8TLo2FEoY="},
    {"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGA==", "id", 1, "{}", "v1,O3H2JGi3qy/aEdhvp8l+UNSwWA+fO7T+07z9Mhm84VQ="},
    {"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGA", "id", 1, "{}", "v1,O3H2JGi3qy/aEdhvp8l+UNSwWA+fO7T+07z9Mhm84VQ="},
    {"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBk=", "id", 1, "{}", "v1,etlz8tt9r4RbfcTbUJYWJYbcosYPzFzQlKei7qeVgW0="},
    {"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBk", "id", 1, "{}", "v1,etlz8tt9r4RbfcTbUJYWJYbcosYPzFzQlKei7qeVgW0="},
    {"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+Pw==", "id", 1, "{}",
     "v1,aIGJiVHY8j7D3TCizWA3H9NWUT2EXH7Us8Y4fhpCaLc="},
    {"whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W", 1674087231,
     "{\"type\": \"contact.created\"}", "v1,kqfHdIz8ZdLnDdmbUdUi08ypYx2JKUJux4r+bhqTqJs="},
    {"whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX", "0190a6f0-0000-7000-8000-000000000000", 1764000000,
     "{\"event\":\"payroll\",\"note\":\"\u00e9\U0001f600\"}", "v1,STxvhPUk4N58cD8jHr0ylkJTHnXRuY25JdzrxdMAW1U="},
};

static void test_vectors(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
        struct err e = ERR_INIT;
        assert_true(webhook_secret_check(vectors[i].secret, &e));
        g_autofree char *signature = webhook_sign(vectors[i].secret, "", vectors[i].id, vectors[i].timestamp_s,
                                                  vectors[i].body, strlen(vectors[i].body));
        assert_string_equal(signature, vectors[i].signature);
    }
}

static void test_rotation_signs_twice(void **state UNUSED)
{
    g_autofree char *both = webhook_sign(vectors[1].secret, vectors[2].secret, "id", 1, "{}", 2);
    g_autofree char *wanted = g_strconcat(vectors[1].signature, " ", vectors[2].signature, NULL);
    assert_string_equal(both, wanted);
    g_autofree char *one = webhook_sign(vectors[1].secret, NULL, "id", 1, "{}", 2);
    assert_string_equal(one, vectors[1].signature);
}

/* Each part counts. */
static void test_every_part_is_signed(void **state UNUSED)
{
    g_autofree char *other_id = webhook_sign(vectors[1].secret, NULL, "ie", 1, "{}", 2);
    g_autofree char *other_time = webhook_sign(vectors[1].secret, NULL, "id", 2, "{}", 2);
    g_autofree char *other_body = webhook_sign(vectors[1].secret, NULL, "id", 1, "[]", 2);
    g_autofree char *shorter = webhook_sign(vectors[1].secret, NULL, "id", 1, "{}", 1);
    assert_string_not_equal(other_id, vectors[1].signature);
    assert_string_not_equal(other_time, vectors[1].signature);
    assert_string_not_equal(other_body, vectors[1].signature);
    assert_string_not_equal(shorter, vectors[1].signature);
}

static const char *const unfit[] = {
    "",
    "whsec_",
    "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRY=",                                                         /* 23 bytes */
    "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0+P0A=", /* 65 */
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw=",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwA",
    "whsec_MfKQ9r8GKYqrTwjU PD8ILPZIo2LaLaSw",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS-",
    "whsec_====MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
};

static void test_unfit_secrets(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(unfit); i++) {
        struct err e = ERR_INIT;
        if (webhook_secret_check(unfit[i], &e)) {
            fail_msg("%s", unfit[i]);
        }
        assert_int_equal(e.code, ERR_INVALID);
        assert_null(strstr(e.text, "MfKQ"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_rotation_signs_twice),
        cmocka_unit_test(test_every_part_is_signed),
        cmocka_unit_test(test_unfit_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
