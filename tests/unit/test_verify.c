#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <glib.h>
#include <string.h>

#include "ports/verify.h"

#define NOW_S INT64_C(1800000000) /* 2027 */

/* --- HMAC-SHA1 ---------------------------------------------------------------------------------------------------- */

/* The first is RFC 2202's second test case, in base64; the others are Twilio's worked example ("Webhooks security")
 * over the text that it says is signed. */
static const struct {
    const char *key;
    const char *data;
    const char *signature;
    bool wanted;
} hmacs[] = {
    {"Jefe", "what do ya want for nothing?", "7/zfauXrL6LSdBbV8YTfnCWafHk=", true},
    {"12345",
     "https://mycompany.com/myapp.php?foo=1&bar=2CallSidCA1234567890ABCDECaller+12349013030Digits1234From+12349013030To"
     "+18005551212",
     "0/KCTR6DLpKmkAf8muzZqo1nDgQ=", true},
    {"12345",
     "https://mycompany.com/myapp.php?foo=1&bar=2CallSidCA1234567890ABCDECaller+12349013030Digits1235From+12349013030To"
     "+18005551212",
     "0/KCTR6DLpKmkAf8muzZqo1nDgQ=", false},
    {"12346", "what do ya want for nothing?", "7/zfauXrL6LSdBbV8YTfnCWafHk=", false},
    {"Jefe", "what do ya want for nothing?", "7/zfauXrL6LSdBbV8YTfnCWafHg=", false},
    {"Jefe", "what do ya want for nothing?", "7/zfauXrL6LSdBbV8YTfnCWafHk", false},  /* no whole group of four */
    {"Jefe", "what do ya want for nothing?", "7_zfauXrL6LSdBbV8YTfnCWafHk=", false}, /* base64url */
    {"Jefe", "what do ya want for nothing?", " 7/zfauXrL6LSdBbV8YTfnCWafHk=", false},
    {"Jefe", "what do ya want for nothing?", "7/zfauXrL6LSdBbV8YTfnCWafHk=\n", false},
    {"Jefe", "what do ya want for nothing?", "7/zf", false},
    {"Jefe", "what do ya want for nothing?", "", false},
    {"Jefe", "what do ya want for nothing?", NULL, false},
};

static void test_hmac_sha1(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(hmacs); i++) {
        bool found = verify_hmac_sha1(hmacs[i].key, hmacs[i].data, strlen(hmacs[i].data), hmacs[i].signature);
        if (found != hmacs[i].wanted) {
            fail_msg("%zu: %s", i, hmacs[i].signature);
        }
    }
    g_autofree char *endless = g_strnfill(VERIFY_SIGNATURE_CHARS_MAX + 4, 'A');
    assert_false(verify_hmac_sha1("Jefe", "", 0, endless));
}

/* --- ECDSA -------------------------------------------------------------------------------------------------------- */

/* The published vector of SendGrid's packages: key, signature and timestamp, which stands before the body. */
#define SENDGRID_KEY                                                                                                   \
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eN" \
    "Ec6wEA3F+g=="
#define SENDGRID_SIGNATURE \
    "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM="
#define SENDGRID_DATA                                                                                       \
    "1600112502"                                                                                            \
    "[{\"email\":\"hello@world.com\",\"event\":\"dropped\",\"reason\":\"Bounced Address\",\"sg_event_id\":" \
    "\"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA\",\"sg_message_id\":"                            \
    "\"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0\",\"smtp-id\":"           \
    "\"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>\",\"timestamp\":1600112492}]\r\n"
/* Another key of the same curve, one of P-384 and one of RSA, each with what it signed. */
#define OTHER_KEY                                                                                          \
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEeM1INZfPSg1BCATNaKQLoJw5/WInDoYw51Xo5D7pyS5M1p07Sw73EziMo/zFXYAN" \
    "7t/BJmK2yaAFTgf8CyjEsA=="
#define P384_KEY                                                                                           \
    "MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAEYiL4vkc5HPVxHyHWPWnc1+0KYdyA5otgI8/x+QoOHgLnGwqbXHSdEDGSyE5IhVItfq8c" \
    "L/Kgpsrp4H3nhaZugx50eYCOD+xOuN6w/Nc1Q3mK9AmlHFFTr2BXOOmzDfQV"
#define P384_SIGNATURE                                                                                     \
    "MGQCMFxxhqHQez2vQGwj/mOXZfJ9n0RdSOL8Z82xH03i+3uUlfmXj13xAnyG8BIgjwAcRAIwbydcq1UqWnPKOKR4q4nTU5Tfp8kg" \
    "CuNNYYsdfXfVT91+H0OhfWwc655wj+E0eaza"
#define RSA_KEY                                                                                            \
    "MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC0IGjbAqjNqGlALs0rBMbTeyjkpOvdMVw2K6TCOoCDe9R/DfvpVySQOERcaPfN" \
    "1FdZ+GA6290RArTJ7PfDZbogf6aOwy9wNw7EXl5vbOcDhR+uivlfQQ+eNd0Mar2zFk0RJ6RLoJBHxN0C7Yi7dZ7XXkrhmhed56pb" \
    "tQN6P4z/kwIDAQAB"
#define RSA_SIGNATURE                                                                                      \
    "AksvX9RVe7JNP3VOw4zr2iIU8tUOTKte9FiL7SPiq6MuN5YlIolyIGWkgYA96uJ8zQJXJbluTwLH+UzkNmEVLKB6gPJkGQO0rqFx" \
    "L+KdNwphlh04CCCGxW/fAhDFGHR4EfRHDU6VGDZPx5dERM5gZ0YdSwrEcaSCKIfw1vHSphQ="

static const struct {
    const char *name;
    const char *key;
    const char *data;
    const char *signature;
    bool wanted;
} ecdsas[] = {
    {"SendGrid", SENDGRID_KEY, SENDGRID_DATA, SENDGRID_SIGNATURE, true},
    {"a byte more", SENDGRID_KEY, SENDGRID_DATA " ", SENDGRID_SIGNATURE, false},
    {"no timestamp", SENDGRID_KEY, "[]", SENDGRID_SIGNATURE, false},
    {"another key", OTHER_KEY, SENDGRID_DATA, SENDGRID_SIGNATURE, false},
    {"P-384", P384_KEY, "1[]", P384_SIGNATURE, false},
    {"RSA", RSA_KEY, "1[]", RSA_SIGNATURE, false},
    {"no key", "", SENDGRID_DATA, SENDGRID_SIGNATURE, false},
    {"key of another form", "AAAA", SENDGRID_DATA, SENDGRID_SIGNATURE, false},
    {"key in PEM lines", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n", SENDGRID_DATA,
     SENDGRID_SIGNATURE, false},
    {"no signature", SENDGRID_KEY, SENDGRID_DATA, NULL, false},
    {"empty signature", SENDGRID_KEY, SENDGRID_DATA, "", false},
    {"no DER", SENDGRID_KEY, SENDGRID_DATA, "AAAA", false},
    {"no base64", SENDGRID_KEY, SENDGRID_DATA, "!!!!", false},
    {"half of it", SENDGRID_KEY, SENDGRID_DATA, "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZU", false},
};

static void test_ecdsa(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(ecdsas); i++) {
        bool found = verify_ecdsa_p256(ecdsas[i].key, ecdsas[i].data, strlen(ecdsas[i].data), ecdsas[i].signature);
        if (found != ecdsas[i].wanted) {
            fail_msg("%s", ecdsas[i].name);
        }
    }
    g_autofree char *long_key = g_strnfill(VERIFY_KEY_CHARS_MAX + 4, 'A');
    assert_false(verify_ecdsa_p256(long_key, "", 0, SENDGRID_SIGNATURE));
}

/* --- certificates ------------------------------------------------------------------------------------------------- */

/* Made with Python's cryptography, as are the signatures: RSA of 2048 bits, RSA of 1024, and P-256; each holds from
 * 2026 to 2036. */
static const char certificate[] = "-----BEGIN CERTIFICATE-----\n"
                                  "MIICsTCCAZmgAwIBAgIBATANBgkqhkiG9w0BAQsFADAcMRowGAYDVQQDDBFzbnMu\n"
                                  "YW1hem9uYXdzLmNvbTAeFw0yNjAxMDEwMDAwMDBaFw0zNjAxMDEwMDAwMDBaMBwx\n"
                                  "GjAYBgNVBAMMEXNucy5hbWF6b25hd3MuY29tMIIBIjANBgkqhkiG9w0BAQEFAAOC\n"
                                  "AQ8AMIIBCgKCAQEA0Lbsg82hVpG81DfXeQJ4fJhbkPLomUM5e3YasqIf1dBMJN09\n"
                                  "hstFph/N9cb8O2KHXgcSiPHDqBlvxkFGhfaWueB5cYBmcCFvD8AYfBJRZWQEG423\n"
                                  "3l2Z60sSKoqnj4kmR461GOzxJABoBPkz75iNFNkdFNPxSdqsdsrx6gcCHR8vLc0D\n"
                                  "EVQ5hGyo2r9Q/6hUU0+3YKyfhkxxwj6ut+JRY9eJteWpLTEGMzMFmoWg/eV3fFjk\n"
                                  "a6RqgI1lDnLyqoKeb4dBaqmEwAv45VG6PiXjtz0RrDD16qJfbdW7d0U+cQevGtq8\n"
                                  "Y5eVpIPt52MmZUxmg7pO08zw3Ev7HyUkhsSNEwIDAQABMA0GCSqGSIb3DQEBCwUA\n"
                                  "A4IBAQB8wDICNiMxPwynodM26VQFiu6tEsgq+BsoQgJ0SdiZONoKb3uN5WZM47tn\n"
                                  "3B3FDoFiXoHWTL1z5BxbGn0B49v1gxvokfsZFm0LKCeRsPgogW17VGSDEF+A8bMO\n"
                                  "Fqe7WW2K0TSfaTBkHdwxw35Sahehlrnglsh/+/B+uUAyGiw0u+fcqAWfj7Cndaal\n"
                                  "jG77Qo+G7FXDHCwK1vjxjot6Da1UNkshq7s3CnPrqFyB2uEoK21sXygUoog8x71Z\n"
                                  "iZYsG/CR/hzcM6UXZMm/dOfxAYVfVzPHBBQF9OYjceser6KRSG3gV0eoRCImnosd\n"
                                  "ae4xWCW8hlE+nQ5fAo5H/4yiNLjQ\n"
                                  "-----END CERTIFICATE-----\n";

static const char short_certificate[] = "-----BEGIN CERTIFICATE-----\n"
                                        "MIIBrDCCARWgAwIBAgIBATANBgkqhkiG9w0BAQsFADAcMRowGAYDVQQDDBFzbnMu\n"
                                        "YW1hem9uYXdzLmNvbTAeFw0yNjAxMDEwMDAwMDBaFw0zNjAxMDEwMDAwMDBaMBwx\n"
                                        "GjAYBgNVBAMMEXNucy5hbWF6b25hd3MuY29tMIGfMA0GCSqGSIb3DQEBAQUAA4GN\n"
                                        "ADCBiQKBgQC0IGjbAqjNqGlALs0rBMbTeyjkpOvdMVw2K6TCOoCDe9R/DfvpVySQ\n"
                                        "OERcaPfN1FdZ+GA6290RArTJ7PfDZbogf6aOwy9wNw7EXl5vbOcDhR+uivlfQQ+e\n"
                                        "Nd0Mar2zFk0RJ6RLoJBHxN0C7Yi7dZ7XXkrhmhed56pbtQN6P4z/kwIDAQABMA0G\n"
                                        "CSqGSIb3DQEBCwUAA4GBAAguiZEVz7mwJuXRSifqVnYuKkFi3nATuj5pfl/Jvdc0\n"
                                        "w9o7QNV6zQFy9w20AIoG02c60RMV/CO1CeGyfaoD7cwVwU+Cu6LRcNQKBhYOGNfA\n"
                                        "+ZwZ71hFstKZv/jEvK5jgpyUVrT6fHmMBg1l2lFnwGZEbGP07CtAMdwo331bbS3h\n"
                                        "-----END CERTIFICATE-----\n";

static const char curve_certificate[] = "-----BEGIN CERTIFICATE-----\n"
                                        "MIIBJDCBy6ADAgECAgEBMAoGCCqGSM49BAMCMBwxGjAYBgNVBAMMEXNucy5hbWF6\n"
                                        "b25hd3MuY29tMB4XDTI2MDEwMTAwMDAwMFoXDTM2MDEwMTAwMDAwMFowHDEaMBgG\n"
                                        "A1UEAwwRc25zLmFtYXpvbmF3cy5jb20wWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC\n"
                                        "AATngm5qLnnehENwAq4GWeYkeFkGPaHfdNPyaKc2fVJ+ytZrZNwQOFMNlobmWrvo\n"
                                        "4wc4pkdFP2ayz/Pk6dadDKYPMAoGCCqGSM49BAMCA0gAMEUCIG22IWJm4lfWvLn+\n"
                                        "f2m20nGnRGjjkLjTqBHIQe3A9694AiEA/t8xBcSfcHYYiHHSlwdbo23/wzZ/8s6S\n"
                                        "yPNZDCym4kU=\n"
                                        "-----END CERTIFICATE-----\n";

/* What SNS signs of a notification ("Verifying the signatures of Amazon SNS messages"). */
#define SNS_DATA                                                                              \
    "Message\ntest message\nMessageId\nda41e39f-ea4d-435a-b922-c6aae3915ebe\nSubject\ntest\n" \
    "Timestamp\n2012-04-25T21:49:25.719Z\nTopicArn\narn:aws:sns:us-west-2:123456789012:MyTopic\nType\nNotification\n"
#define BY_SHA1                                                                                            \
    "peEjZv8XyI1RYNEUhZoJWHE6uztakfji7rLP65PvezcNGKA/AOENgD78Mj6SKBJCLYb6YWM4+OJ2LIATEnayJupuYbIKCBDjce51" \
    "De5pY4X5I/YJjgepsuZo3FHMeCaev9bqZWD577E74vmJLxqxGqUmTo5XHH/34qpQCQflZ2DNaL4l/5ZPtRKY0la5xjdngQJb93/V" \
    "OYEbcRBUsx+F6HjH+LKiLYFSq8EVrOtJUYRN3ziHCfaTW3pxF4uQUgJB2avW7qcPjX0UQuttqcQm2+d+T1JU/p4g5y5MtkHqT0Mb" \
    "ndBprd79raxG0PLoom9SpOe66WCtXHNQu5i80uuK1Q=="
#define BY_SHA256                                                                                          \
    "XmdjUIlf0UDNK3htQLr10tmHcg/d8xuHVSglHC06zbNjVmc0r5wq738bFvmFswLrxivxs3BRAMIdwIUeKNE+QodIZDgfVbPBrz4o" \
    "w9aQ6lxeG6rhC15zBPvPg2i/wmPwzAF9g+cR6HmUjOTTvnoCxpxO1K/hMZMxtaGFToDExTxzCwYTbhPehc1vd9kET30DX6wCsCtu" \
    "KM4jPNDo4NvDSOwuUxz841CRV9CDaNoOSYl8qURiSdM7N2+KEqDbzu2xn5WbPRGaBywp4WFUNar58RlYetITWjy2295N+zCG+i5z" \
    "VPjyvHuYOXAgcKXFRAxYo/jjnyxEv80gHU9zvg/NfA=="
#define BY_SHORT                                                                                           \
    "dpXwZW3rLMj3aEpx24aXywHou/izGVUdV9PhmthHXnm0cNQjup/6P+N+CDz+/a4kqyxkl8Odl+oKmn/EnYs5io5bRiNeVRdN1yC7" \
    "B9Sin2v9fDaM2HVGAai4QASOTkl1FOXSCM3Wz70UcEl3rItLrwChESPo+EccZnlIGxnGFmY="
#define BY_OTHER                                                                                           \
    "Jb58s3Kc2IAJPOY8kbe+DwmPUB2wfrbQg/GWNBCpaVZ4xmuRChFWLkw6CdJ0YXVqQZuVJD4Q7KVlDBuwPx4XbZHLFUrCZf0vaV7G" \
    "7qoF0Ef9cy7AMKohGeEjXnP4K2Thul9/pN9vqbgSCGgy7dIfNA1Klpf9WdAo35FU+gTbrJZXOmZ6y0tDkuh+b+2N9Xp6/3eMQRCF" \
    "N0Q7anNe9BBeXiGDJiZcrXHUTJXea9kxRmO1eyYwcj+vm8+KAmnHdeLT/2StdZs3bswtB5CctR0LZ4ogyc2wE2y/wQqazwjsa/Y8" \
    "e27vjt91rnGwh6sI87rulRG2nl1+yEEQbQu+8BMfvA=="
#define BY_CURVE "MEUCIQDMUFmbRSgtcLu05Clk1HmsVFJC6W8eYrDqGcWBTX5VtAIgIuDUvSfApJChqJhcy1r1ZmH397ZdN/iWdMxifl1OXyg="

static const struct {
    const char *name;
    const char *pem;
    int64_t now_s;
    bool is_sha256;
    const char *data;
    const char *signature;
    bool wanted;
} certified[] = {
    {"version 1", certificate, NOW_S, false, SNS_DATA, BY_SHA1, true},
    {"version 2", certificate, NOW_S, true, SNS_DATA, BY_SHA256, true},
    {"version 1 as 2", certificate, NOW_S, true, SNS_DATA, BY_SHA1, false},
    {"version 2 as 1", certificate, NOW_S, false, SNS_DATA, BY_SHA256, false},
    {"another text", certificate, NOW_S, true, SNS_DATA "x", BY_SHA256, false},
    {"another's signature", certificate, NOW_S, true, SNS_DATA, BY_OTHER, false},
    {"before it holds", certificate, INT64_C(1767225599), true, SNS_DATA, BY_SHA256, false},
    {"when it begins", certificate, INT64_C(1767225601), true, SNS_DATA, BY_SHA256, true},
    {"after it held", certificate, INT64_C(2082758401), true, SNS_DATA, BY_SHA256, false},
    {"a short key", short_certificate, NOW_S, true, SNS_DATA, BY_SHORT, false},
    {"no RSA", curve_certificate, NOW_S, true, SNS_DATA, BY_CURVE, false},
    {"no signature", certificate, NOW_S, true, SNS_DATA, NULL, false},
    {"no base64", certificate, NOW_S, true, SNS_DATA, "!", false},
    {"no certificate", "", NOW_S, true, SNS_DATA, BY_SHA256, false},
    {"a page instead", "<html>not found</html>", NOW_S, true, SNS_DATA, BY_SHA256, false},
    {"cut off", "-----BEGIN CERTIFICATE-----\nMIIC", NOW_S, true, SNS_DATA, BY_SHA256, false},
};

static void test_certificates(void **state UNUSED)
{
    for (size_t i = 0; i < ARRAY_SIZE(certified); i++) {
        bool found = verify_certificate(certified[i].pem, certified[i].now_s, certified[i].is_sha256, certified[i].data,
                                        strlen(certified[i].data), certified[i].signature);
        if (found != certified[i].wanted) {
            fail_msg("%s", certified[i].name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hmac_sha1),
        cmocka_unit_test(test_ecdsa),
        cmocka_unit_test(test_certificates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
