/* SPDX-License-Identifier: MIT */
/* fuzz_client_keys.c - fuzzes the file of client keys: which clients it admits, and with which
 * rights.
 *
 * The first line is also parsed as the rights of a client whose key is known here. */
#include "base/buf.h"
#include "base/mem.h"
#include "http/auth/client_keys.h"
#include "http/auth/rate_limit.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#define KEY "esd_fuzz"

static const struct slice key = {KEY, sizeof KEY - 1};

static struct clients *parse(const char *text, size_t len)
{
    struct clients *clients = NULL;
    struct errmsg why = {""};
    enum err err = clients_parse("keys", text, len, &clients, &why);

    FUZZ_WANT(err == ERR_OK || err == ERR_SYNTAX);
    FUZZ_WANT((clients != NULL) == (err == ERR_OK) && (*why.text == '\0') == (err == ERR_OK));
    FUZZ_WANT(!err || strncmp(why.text, "keys", 4) == 0);
    /* The error has fixed texts only: a line may contain a key that was put there by mistake. */
    FUZZ_WANT(input_is_printable(why.text, strlen(why.text)) && strlen(why.text) < 100);
    if (clients)
        FUZZ_WANT(clients_count(clients) >= 1 && clients_count(clients) <= CLIENTS_MAX);
    return clients;
}

/* At one instant, at most the rate of a second is admitted; later some more. */
static void check_rate(const struct client *client)
{
    int admitted = 0;

    while (admitted <= 2000 && client_admits(client, 5000))
        admitted++;
    if (!client->rate || client->rate > 2000)
        FUZZ_WANT(admitted > 2000);
    else
        FUZZ_WANT(admitted == client->rate &&
                  client_admits(client, 5000 + RATE_LIMIT_WAIT_S * INT64_C(1000)));
}

static void check_rights(const char *rights, size_t len)
{
    struct buf text autobuf = BUF_INIT(len + 256);
    unsigned char hash[HASH_SIZE];
    char hex[2 * HASH_SIZE + 1];

    hash_sha256(key.data, key.len, hash);
    hash_hex(hash, HASH_SIZE, hex);
    buf_addf(&text, "fuzz %s%s ", CLIENT_KEY_HASH_PREFIX, hex);
    buf_add(&text, rights, len);
    struct clients *clients = parse(text.data, text.len);
    if (!clients)
        return;
    const struct client *client = clients_find(clients, key);
    FUZZ_WANT(client && strcmp(client->name, "fuzz") == 0 && clients_count(clients) == 1);
    FUZZ_WANT(client->quota >= ACCOUNT_NO_QUOTA && client->quota <= INT64_C(1000000000));
    FUZZ_WANT(client->rate >= 0 && client->rate <= 1000000);
    FUZZ_WANT(client->waiters <= 1000000);
    FUZZ_WANT(client->max_wait_ms >= 0 && client->weight >= 1 && client->weight <= 100);
    /* Only the rights that are written there. */
    FUZZ_WANT(!client->admin || memmem(rights, len, "admin", 5));
    FUZZ_WANT(!client->allow_refresh || memmem(rights, len, "allow_refresh", 13));
    FUZZ_WANT(!clients_find(clients, (struct slice){KEY "x", sizeof KEY}));
    FUZZ_WANT(!clients_find(clients, (struct slice){KEY, sizeof KEY - 2}));
    check_rate(client);
    clients_unref(clients);
}

/* A comment changes nothing; duplicate clients are rejected. */
static void check_file(const char *file, size_t len)
{
    struct buf text autobuf = BUF_INIT(2 * len + 64);
    struct clients *clients = parse(file, len);

    buf_add_str(&text, "# who may ask\r\n\n \t\n");
    buf_add(&text, file, len);
    struct clients *commented = parse(text.data, text.len);
    FUZZ_WANT((commented != NULL) == (clients != NULL));
    if (!clients)
        return;
    FUZZ_WANT(clients_count(clients) == clients_count(commented));
    buf_add_str(&text, "\n");
    buf_add(&text, file, len);
    FUZZ_WANT(!parse(text.data, text.len));
    clients_unref(commented);
    clients_unref(clients);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = input_of(data, size);
    size_t len;
    autofree char *rights = input_line(&input, &len);

    if (rights)
        check_rights(rights, len);
    check_file((const char *)data, size);
    return 0;
}
