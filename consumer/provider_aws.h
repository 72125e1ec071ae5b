/*
 * provider_aws.h: what Amazon's services share.
 */
#ifndef BELLMAN_PROVIDER_AWS_H
#define BELLMAN_PROVIDER_AWS_H

#include "provider_http.h"

/* Errors that every service of AWS has ("Common Errors" of each API reference), by their codes without "Exception". A
 * clock that is wrong looks like a wrong key, and has to be mended too. */
#define PROVIDER_AWS_VERDICTS                                                                    \
    {400, 499, "Throttling", PROVIDER_RETRY, 1, "too many at once"},                             \
        {400, 499, "Throttled", PROVIDER_RETRY, 1, "too many at once"},                          \
        {400, 499, "TooManyRequests", PROVIDER_RETRY, 1, "too many at once"},                    \
        {400, 499, "RequestThrottled", PROVIDER_RETRY, 1, "too many at once"},                   \
        {400, 499, "AccessDenied", PROVIDER_PAUSE, 0, "the key is not allowed to send"},         \
        {400, 499, "NotAuthorized", PROVIDER_PAUSE, 0, "the key is not allowed to send"},        \
        {400, 499, "OptInRequired", PROVIDER_PAUSE, 0, "the account has not got this service"},  \
        {400, 499, "UnrecognizedClient", PROVIDER_PAUSE, 0, "it does not know the key"},         \
        {400, 499, "InvalidClientTokenId", PROVIDER_PAUSE, 0, "it does not know the key"},       \
        {400, 499, "InvalidAccessKeyId", PROVIDER_PAUSE, 0, "it does not know the key"},         \
        {400, 499, "MissingAuthenticationToken", PROVIDER_PAUSE, 0, "it does not know the key"}, \
        {400, 499, "ExpiredToken", PROVIDER_PAUSE, 0, "the key is over"},                        \
        {400, 499, "SignatureDoesNotMatch", PROVIDER_PAUSE, 0, "the key's secret is wrong"},     \
        {400, 499, "InvalidSignature", PROVIDER_PAUSE, 0, "the key's secret is wrong"},          \
        {400, 499, "IncompleteSignature", PROVIDER_PAUSE, 0, "the key's secret is wrong"},       \
        {400, 499, "RequestExpired", PROVIDER_PAUSE, 0, "one of the clocks is wrong"},           \
    {                                                                                            \
        400, 499, "RequestTimeTooSkewed", PROVIDER_PAUSE, 0, "one of the clocks is wrong"        \
    }

/* The account's key for a service. False: it is not complete, and reply says so. */
bool provider_aws_account(const struct provider_call *call, const char *service, struct http_aws *ret,
                          struct provider_reply *reply);
/* "https://<prefix>.<region>.amazonaws.com", or the account's endpoint, with path. New, for g_free. */
char *provider_aws_url(const struct provider_call *call, const char *prefix, const char *path);
/* Copies an error's name without what its forms have around it: "x#NameException:http://..." is Name. */
void provider_aws_code(const char *raw, char *out, size_t size_bytes);

#endif
