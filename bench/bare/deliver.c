/*
 * deliver.c: the time from a publish to its delivery when there is nothing but the broker: persistent messages to a
 * quorum queue, one at a time, each waiting for its confirm; the consumer acknowledges each. What Bellman's
 * enqueue-to-start is compared with.
 *
 *   deliver AMQP_URL RATE SECONDS
 *
 * Prints {"messages", "p50_ms", "p99_ms"}.
 */
#include <amqp.h>
#include <amqp_tcp_socket.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define QUEUE "bench.bare"
#define PREFETCH 256
#define FRAME_BYTES 131072
#define NS_PER_S 1000000000LL

struct bench {
    struct amqp_connection_info where;
    long long rate;
    long long total;
    long long *waits_ns; /* total of them */
};

static _Noreturn void die(const char *what)
{
    (void)fprintf(stderr, "deliver: %s\n", what);
    _exit(EXIT_FAILURE);
}

static void must(amqp_connection_state_t c, const char *what)
{
    if (amqp_get_rpc_reply(c).reply_type != AMQP_RESPONSE_NORMAL) {
        die(what);
    }
}

static amqp_connection_state_t open_session(const struct bench *b)
{
    amqp_connection_state_t c = amqp_new_connection();
    amqp_socket_t *socket = amqp_tcp_socket_new(c);
    if (socket == NULL || amqp_socket_open(socket, b->where.host, b->where.port) != AMQP_STATUS_OK) {
        die("connect");
    }
    if (amqp_login(c, b->where.vhost, 0, FRAME_BYTES, 0, AMQP_SASL_METHOD_PLAIN, b->where.user, b->where.password)
            .reply_type != AMQP_RESPONSE_NORMAL) {
        die("login");
    }
    (void)amqp_channel_open(c, 1);
    must(c, "channel");
    return c;
}

static void close_session(amqp_connection_state_t c)
{
    (void)amqp_connection_close(c, AMQP_REPLY_SUCCESS);
    (void)amqp_destroy_connection(c);
}

static long long now_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NS_PER_S + now.tv_nsec;
}

static void sleep_until(long long ns)
{
    const struct timespec at = {.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) != 0) {
    }
}

static void declare(const struct bench *b)
{
    amqp_table_entry_t type = {
        .key = amqp_cstring_bytes("x-queue-type"),
        .value = {.kind = AMQP_FIELD_KIND_UTF8, .value = {.bytes = amqp_cstring_bytes("quorum")}},
    };
    const amqp_table_t arguments = {.num_entries = 1, .entries = &type};
    amqp_connection_state_t c = open_session(b);
    (void)amqp_queue_delete(c, 1, amqp_cstring_bytes(QUEUE), 0, 0);
    must(c, "delete");
    (void)amqp_queue_declare(c, 1, amqp_cstring_bytes(QUEUE), 0, 1, 0, 0, arguments);
    must(c, "declare");
    close_session(c);
}

static void *consume(void *arg)
{
    struct bench *b = arg;
    amqp_connection_state_t c = open_session(b);
    (void)amqp_basic_qos(c, 1, 0, PREFETCH, 0);
    must(c, "qos");
    (void)amqp_basic_consume(c, 1, amqp_cstring_bytes(QUEUE), amqp_empty_bytes, 0, 0, 0, amqp_empty_table);
    must(c, "consume");
    for (long long i = 0; i < b->total; i++) {
        amqp_envelope_t envelope;
        long long sent_ns = 0;
        amqp_maybe_release_buffers(c);
        if (amqp_consume_message(c, &envelope, NULL, 0).reply_type != AMQP_RESPONSE_NORMAL) {
            die("delivery");
        }
        memcpy(&sent_ns, envelope.message.body.bytes, sizeof(sent_ns));
        b->waits_ns[i] = now_ns() - sent_ns;
        if (amqp_basic_ack(c, 1, envelope.delivery_tag, 0) != AMQP_STATUS_OK) {
            die("ack");
        }
        amqp_destroy_envelope(&envelope);
    }
    close_session(c);
    return NULL;
}

static void publish(amqp_connection_state_t c)
{
    long long sent_ns = now_ns();
    amqp_frame_t frame;
    const amqp_basic_properties_t properties = {._flags = AMQP_BASIC_DELIVERY_MODE_FLAG, .delivery_mode = 2};
    const amqp_bytes_t body = {.len = sizeof(sent_ns), .bytes = &sent_ns};
    if (amqp_basic_publish(c, 1, amqp_empty_bytes, amqp_cstring_bytes(QUEUE), 0, 0, &properties, body) !=
            AMQP_STATUS_OK ||
        amqp_simple_wait_frame(c, &frame) != AMQP_STATUS_OK || frame.frame_type != AMQP_FRAME_METHOD ||
        frame.payload.method.id != AMQP_BASIC_ACK_METHOD) {
        die("publish");
    }
    amqp_maybe_release_buffers(c);
}

static int compare(const void *a, const void *b)
{
    const long long *x = a;
    const long long *y = b;
    return *x < *y ? -1 : *x > *y;
}

static void run(struct bench *b)
{
    pthread_t consumer;
    declare(b);
    if (pthread_create(&consumer, NULL, consume, b) != 0) {
        die("thread");
    }
    amqp_connection_state_t c = open_session(b);
    (void)amqp_confirm_select(c, 1);
    must(c, "confirm");
    long long began_ns = now_ns();
    for (long long i = 0; i < b->total; i++) {
        sleep_until(began_ns + i * NS_PER_S / b->rate);
        publish(c);
    }
    pthread_join(consumer, NULL);
    (void)amqp_queue_delete(c, 1, amqp_cstring_bytes(QUEUE), 0, 0);
    close_session(c);
}

int main(int argc, char **argv)
{
    struct bench b = {.rate = argc == 4 ? strtoll(argv[2], NULL, 10) : 0};
    b.total = argc == 4 ? b.rate * strtoll(argv[3], NULL, 10) : 0;
    if (b.rate <= 0 || b.total <= 0 || amqp_parse_url(argv[1], &b.where) != AMQP_STATUS_OK) {
        die("AMQP_URL RATE SECONDS");
    }
    b.waits_ns = calloc((size_t)b.total, sizeof(*b.waits_ns));
    if (b.waits_ns == NULL) {
        die("out of memory");
    }
    run(&b);
    qsort(b.waits_ns, (size_t)b.total, sizeof(*b.waits_ns), compare);
    const long long p50_ns = b.waits_ns[b.total / 2];
    const long long p99_ns = b.waits_ns[b.total * 99 / 100];
    (void)printf("{\"messages\": %lld, \"p50_ms\": %.3f, \"p99_ms\": %.3f}\n", b.total, (double)p50_ns / 1e6,
                 (double)p99_ns / 1e6);
    free(b.waits_ns);
    return EXIT_SUCCESS;
}
