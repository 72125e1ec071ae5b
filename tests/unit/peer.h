/*
 * peer.h: tests/fakes/smtp_peer.py or http_peer.py as a child process of a test. Run the test from the repository.
 */
#ifndef BELLMAN_PEER_H
#define BELLMAN_PEER_H

#include <glib.h>
#include <jansson.h>

struct peer {
    GPid pid;
    int in_fd;
    int port;
    char ca_file[256]; /* empty without TLS */
    char *kept_file;
};

/* options as on its command line. Returns when it listens. */
void peer_start(struct peer *p, const char *options);
void peer_start_http(struct peer *p, const char *options);
void peer_stop(struct peer *p);
/* What has arrived, as an array of objects. New reference. */
json_t *peer_kept(const struct peer *p);
/* The i-th mail as it came over the wire. */
const char *mail_data(const json_t *mails, size_t i);

#endif
