#include "ports/seal.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLOB_VERSION 1
#define KEY_BYTES crypto_aead_xchacha20poly1305_ietf_KEYBYTES
#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES crypto_aead_xchacha20poly1305_ietf_ABYTES
#define KEYS_MAX 256
#define FILE_BYTES_MAX 16384
#define PLAIN_BYTES_MAX 65536
#define SEALED_BYTES_MAX 131072 /* of base64; the blob is a third less */
#define BASE64 sodium_base64_VARIANT_ORIGINAL

struct head {
    unsigned char version;
    unsigned char key_id[4];
    unsigned char nonce[NONCE_BYTES];
};
_Static_assert(sizeof(struct head) == 1 + 4 + NONCE_BYTES, "the blob's head has no padding");

struct key {
    uint32_t id;
    unsigned char bytes[KEY_BYTES];
};

/* Lives in memory of sodium_malloc: guarded, kept out of swap, wiped when freed. */
struct seal {
    size_t n;
    struct key keys[KEYS_MAX];
};

static bool start_sodium(struct err *e)
{
    return sodium_init() >= 0 || err_set(e, ERR_INTERNAL, "libsodium cannot start");
}

void seal_free(struct seal *seal)
{
    sodium_free(seal);
}

static void seal_cleanup(struct seal **seal)
{
    seal_free(*seal);
}

/* --- keyring ----------------------------------------------------------------------------------------------------- */

struct keyring_text {
    char text[FILE_BYTES_MAX + 1];
};

static void wipe_keyring_text(struct keyring_text *t)
{
    sodium_memzero(t, sizeof(*t));
}

static void close_file(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}

static bool check_private(int fd, const char *file, struct err *e)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        return err_set(e, ERR_INVALID, "Keyring %s is not a file", file);
    }
    if ((st.st_mode & 077) != 0) {
        return err_set(e, ERR_DENIED, "Keyring %s is open to others: chmod 600 it", file);
    }
    return st.st_size <= FILE_BYTES_MAX || err_set(e, ERR_INVALID, "Keyring %s is larger than a keyring can be", file);
}

static bool read_keyring(const char *file, struct keyring_text *ret, struct err *e)
{
    CLEANUP(close_file) int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_DENIED, "Cannot read keyring %s: %s", file,
                       g_strerror(errno));
    }
    if (!check_private(fd, file, e)) {
        return false;
    }
    size_t length_bytes = 0;
    ssize_t got = 0;
    do {
        got = TEMP_FAILURE_RETRY(read(fd, ret->text + length_bytes, FILE_BYTES_MAX - length_bytes));
        if (got < 0) {
            return err_set(e, ERR_UNAVAILABLE, "Cannot read keyring %s: %s", file, g_strerror(errno));
        }
        length_bytes += (size_t)got;
    } while (got > 0);
    ret->text[length_bytes] = '\0';
    return true;
}

static bool parse_key(const char *line, struct key *ret)
{
    char *end = NULL;
    guint64 id = g_ascii_strtoull(line, &end, 10);
    size_t length_bytes = 0;
    const char *stop = NULL;
    if (!g_ascii_isdigit(line[0]) || *end != ':' || id == 0 || id > UINT32_MAX) {
        return false;
    }
    ret->id = (uint32_t)id;
    return sodium_base642bin(ret->bytes, KEY_BYTES, end + 1, strlen(end + 1), NULL, &length_bytes, &stop, BASE64) ==
               0 &&
           *stop == '\0' && length_bytes == KEY_BYTES;
}

static const struct key *find_key(const struct seal *seal, uint32_t id)
{
    for (size_t i = 0; i < seal->n; i++) {
        if (seal->keys[i].id == id) {
            return &seal->keys[i];
        }
    }
    return NULL;
}

static bool add_line(struct seal *seal, const char *file, const char *line, unsigned number, struct err *e)
{
    if (line[0] == '\0' || line[0] == '#') {
        return true;
    }
    if (seal->n == KEYS_MAX) {
        return err_set(e, ERR_INVALID, "Keyring %s has more than %d keys", file, KEYS_MAX);
    }
    struct key *key = &seal->keys[seal->n];
    if (!parse_key(line, key)) {
        return err_set(e, ERR_INVALID, "Keyring %s, line %u: not \"id:base64 of 32 bytes\"", file, number);
    }
    if (find_key(seal, key->id) != NULL) {
        return err_set(e, ERR_INVALID, "Keyring %s, line %u: key %u is there twice", file, number, key->id);
    }
    seal->n++;
    return true;
}

static bool add_lines(struct seal *seal, const char *file, char *text, struct err *e)
{
    unsigned number = 0;
    for (char *line = strsep(&text, "\n"); line != NULL; line = strsep(&text, "\n")) {
        if (!add_line(seal, file, g_strchomp(line), ++number, e)) {
            return false;
        }
    }
    return seal->n > 0 || err_set(e, ERR_INVALID, "Keyring %s has no key", file);
}

struct seal *seal_open_keyring(const char *file, struct err *e)
{
    CLEANUP(wipe_keyring_text) struct keyring_text text = {0};
    if (!start_sodium(e) || !read_keyring(file, &text, e)) {
        return NULL;
    }
    CLEANUP(seal_cleanup) struct seal *seal = sodium_malloc(sizeof(*seal));
    if (seal == NULL) {
        err_set(e, ERR_INTERNAL, "No guarded memory for the keys: %s", g_strerror(errno));
        return NULL;
    }
    memset(seal, 0, sizeof(*seal));
    if (!add_lines(seal, file, text.text, e)) {
        return NULL;
    }
    sodium_mprotect_readonly(seal);
    return g_steal_pointer(&seal);
}

static bool write_whole(int fd, const char *text, const char *file, struct err *e)
{
    size_t left = strlen(text);
    while (left > 0) {
        ssize_t put = TEMP_FAILURE_RETRY(write(fd, text, left));
        if (put < 0) {
            return err_set(e, ERR_UNAVAILABLE, "Cannot write keyring %s: %s", file, g_strerror(errno));
        }
        text += put;
        left -= (size_t)put;
    }
    return fsync(fd) == 0 || err_set(e, ERR_UNAVAILABLE, "Cannot write keyring %s: %s", file, g_strerror(errno));
}

static void wipe_bytes(unsigned char (*bytes)[KEY_BYTES])
{
    sodium_memzero(*bytes, sizeof(*bytes));
}

/* "id:base64 of a new key" and a newline; out has KEY_LINE_BYTES. */
#define KEY_LINE_BYTES (sodium_base64_ENCODED_LEN(KEY_BYTES, BASE64) + 16)
static void write_key_line(uint32_t id, char *out)
{
    CLEANUP(wipe_bytes) unsigned char bytes[KEY_BYTES];
    int n = snprintf(out, KEY_LINE_BYTES, "%u:", id);
    randombytes_buf(bytes, sizeof(bytes));
    sodium_bin2base64(out + n, sodium_base64_ENCODED_LEN(KEY_BYTES, BASE64), bytes, sizeof(bytes), BASE64);
    g_strlcat(out, "\n", KEY_LINE_BYTES);
}

/* Owner and group stay, for the programs run as another user than the operator. */
static bool replace_file(const char *file, const char *text, struct err *e)
{
    struct stat st;
    g_autofree char *fresh = g_strconcat(file, ".new", NULL);
    (void)unlink(fresh);
    CLEANUP(close_file) int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || stat(file, &st) != 0 || fchown(fd, st.st_uid, st.st_gid) != 0) {
        return err_set(e, ERR_DENIED, "Cannot write keyring %s: %s", fresh, g_strerror(errno));
    }
    bool done = write_whole(fd, text, fresh, e) &&
                (rename(fresh, file) == 0 ||
                 err_set(e, ERR_UNAVAILABLE, "Cannot replace keyring %s: %s", file, g_strerror(errno)));
    if (!done) {
        (void)unlink(fresh);
    }
    return done;
}

static uint32_t next_id(const struct seal *seal)
{
    uint32_t id = 0;
    for (size_t i = 0; i < seal->n; i++) {
        id = MAX(id, seal->keys[i].id);
    }
    return id + 1;
}

bool seal_add_key(const char *file, uint32_t *ret_id, struct err *e)
{
    CLEANUP(wipe_keyring_text) struct keyring_text text = {0};
    CLEANUP(seal_cleanup) struct seal *seal = seal_open_keyring(file, e);
    char line[KEY_LINE_BYTES];
    if (seal == NULL || !read_keyring(file, &text, e)) {
        return false;
    }
    size_t length_bytes = strlen(text.text);
    if (seal->n == KEYS_MAX || next_id(seal) == 0 || length_bytes + sizeof(line) + 1 > FILE_BYTES_MAX) {
        return err_set(e, ERR_INVALID, "Keyring %s has no room for another key", file);
    }
    if (length_bytes > 0 && text.text[length_bytes - 1] != '\n') {
        text.text[length_bytes++] = '\n';
    }
    write_key_line(next_id(seal), line);
    g_strlcpy(text.text + length_bytes, line, sizeof(text.text) - length_bytes);
    sodium_memzero(line, sizeof(line));
    *ret_id = next_id(seal);
    return replace_file(file, text.text, e);
}

bool seal_create_keyring(const char *file, struct err *e)
{
    char line[KEY_LINE_BYTES];
    if (!start_sodium(e)) {
        return false;
    }
    CLEANUP(close_file) int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return err_set(e, errno == EEXIST ? ERR_CONFLICT : ERR_DENIED, "Cannot create keyring %s: %s", file,
                       g_strerror(errno));
    }
    write_key_line(1, line);
    bool done = write_whole(fd, line, file, e);
    sodium_memzero(line, sizeof(line));
    if (!done) {
        (void)unlink(file);
    }
    return done;
}

/* --- sealing ----------------------------------------------------------------------------------------------------- */

static char *encode(const unsigned char *blob, size_t length_bytes)
{
    size_t text_bytes = sodium_base64_encoded_len(length_bytes, BASE64);
    char *text = g_malloc(text_bytes);
    return sodium_bin2base64(text, text_bytes, blob, length_bytes, BASE64);
}

char *seal_encrypt(const struct seal *seal, const char *context, const char *plain, struct err *e)
{
    const struct key *key = &seal->keys[seal->n - 1];
    size_t plain_bytes = strlen(plain);
    if (plain_bytes > PLAIN_BYTES_MAX) {
        err_set(e, ERR_INVALID, "A secret of more than %d bytes is not stored", PLAIN_BYTES_MAX);
        return NULL;
    }
    struct head head = {.version = BLOB_VERSION};
    uint32_t id = htonl(key->id);
    memcpy(head.key_id, &id, sizeof(id));
    randombytes_buf(head.nonce, sizeof(head.nonce));

    g_autofree unsigned char *blob = g_malloc(sizeof(head) + plain_bytes + TAG_BYTES);
    memcpy(blob, &head, sizeof(head));
    unsigned long long sealed_bytes = 0;
    crypto_aead_xchacha20poly1305_ietf_encrypt(blob + sizeof(head), &sealed_bytes, (const unsigned char *)plain,
                                               plain_bytes, (const unsigned char *)context, strlen(context), NULL,
                                               head.nonce, key->bytes);
    return encode(blob, sizeof(head) + (size_t)sealed_bytes);
}

/* The base64 text's bytes, or NULL. */
static unsigned char *decode(const char *sealed, size_t *ret_bytes)
{
    size_t text_bytes = strlen(sealed);
    if (text_bytes > SEALED_BYTES_MAX) {
        return NULL;
    }
    g_autofree unsigned char *blob = g_malloc(text_bytes + 1);
    const char *stop = NULL;
    if (sodium_base642bin(blob, text_bytes, sealed, text_bytes, NULL, ret_bytes, &stop, BASE64) != 0 || *stop != '\0' ||
        *ret_bytes < sizeof(struct head) + TAG_BYTES) {
        return NULL;
    }
    return g_steal_pointer(&blob);
}

static char *open_blob(const struct key *key, const char *context, const unsigned char *blob, size_t blob_bytes)
{
    size_t sealed_bytes = blob_bytes - sizeof(struct head);
    char *plain = g_malloc(sealed_bytes - TAG_BYTES + 1);
    unsigned long long plain_bytes = 0;
    const unsigned char *nonce = blob + offsetof(struct head, nonce);
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            (unsigned char *)plain, &plain_bytes, NULL, blob + sizeof(struct head), sealed_bytes,
            (const unsigned char *)context, strlen(context), nonce, key->bytes) != 0) {
        g_free(plain);
        return NULL;
    }
    plain[plain_bytes] = '\0';
    return plain;
}

char *seal_decrypt(const struct seal *seal, const char *context, const char *sealed, struct err *e)
{
    size_t blob_bytes = 0;
    g_autofree unsigned char *blob = decode(sealed, &blob_bytes);
    if (blob == NULL || blob[0] != BLOB_VERSION) {
        err_set(e, ERR_INVALID, "A stored secret (%s) is not one that was sealed here", context);
        return NULL;
    }
    uint32_t id = 0;
    memcpy(&id, blob + offsetof(struct head, key_id), sizeof(id));
    const struct key *key = find_key(seal, ntohl(id));
    if (key == NULL) {
        err_set(e, ERR_NOT_FOUND, "The keyring has no key %u, with which a secret (%s) was sealed", ntohl(id), context);
        return NULL;
    }
    char *plain = open_blob(key, context, blob, blob_bytes);
    if (plain == NULL) {
        err_set(e, ERR_INVALID, "A stored secret (%s) does not open: it was changed, or moved from another row",
                context);
    }
    return plain;
}

bool seal_is_newest(const struct seal *seal, const char *sealed)
{
    size_t blob_bytes = 0;
    uint32_t id = 0;
    g_autofree unsigned char *blob = decode(sealed, &blob_bytes);
    if (blob == NULL || blob[0] != BLOB_VERSION) {
        return false;
    }
    memcpy(&id, blob + offsetof(struct head, key_id), sizeof(id));
    return ntohl(id) == seal->keys[seal->n - 1].id;
}

void seal_text_free(char *text)
{
    if (text != NULL) {
        sodium_memzero(text, strlen(text));
        g_free(text);
    }
}

void seal_sha256(const void *data, size_t length_bytes, unsigned char out[32])
{
    crypto_hash_sha256(out, data, length_bytes);
}

/* --- keyed hashes ------------------------------------------------------------------------------------------------- */

static void mac_by(const struct key *key, const char *context, const char *text, unsigned char out[SEAL_MAC_BYTES])
{
    crypto_generichash_state state;
    crypto_generichash_init(&state, key->bytes, KEY_BYTES, SEAL_MAC_BYTES);
    crypto_generichash_update(&state, (const unsigned char *)context, strlen(context) + 1);
    crypto_generichash_update(&state, (const unsigned char *)text, strlen(text));
    crypto_generichash_final(&state, out, SEAL_MAC_BYTES);
}

void seal_mac(const struct seal *seal, const char *context, const char *text, unsigned char out[SEAL_MAC_BYTES])
{
    mac_by(&seal->keys[seal->n - 1], context, text, out);
}

bool seal_mac_check(const struct seal *seal, const char *context, const char *text,
                    const unsigned char mac[SEAL_MAC_BYTES])
{
    bool found = false;
    for (size_t i = 0; i < seal->n; i++) {
        unsigned char own[SEAL_MAC_BYTES];
        mac_by(&seal->keys[i], context, text, own);
        found = sodium_memcmp(own, mac, SEAL_MAC_BYTES) == 0 || found;
    }
    return found;
}
