/* SPDX-License-Identifier: MIT */
/* test_config.c - tests that flags override the environment and the environment overrides
 * defaults, and that errors name the option. */
#include "base/mem.h"
#include "config/config.h"

#include "tests/support/suite.h"
#include <stdlib.h>
#include <string.h>

static enum err read(const char *const *args, struct config *ret_config, struct errmsg *why)
{
    const char *argv[8] = {"emailsd"};
    int argc = 1;

    while (args && args[argc - 1]) {
        argv[argc] = args[argc - 1];
        argc++;
    }
    return config_read(argc, (char *const *)(uintptr_t)argv, ret_config, why);
}

TEST(config_defaults_are_the_documented_ones)
{
    struct config config;
    struct errmsg why;

    ck_assert_int_eq(read(NULL, &config, &why), ERR_OK);
    ck_assert_uint_eq(config.listen.n, 1);
    ck_assert_str_eq(config.listen.values[0], "127.0.0.1:8080");
    ck_assert_str_eq(config.upstream_url, "https://api.openmart.ai");
    ck_assert_ptr_null(config.api_key_file);
    ck_assert_ptr_null(config.notify_url);
    ck_assert_ptr_null(config.batch);
    ck_assert(!config.not_taken);
    ck_assert_int_eq(config.wait_ms, 55000); /* below the 60 s of common proxies */
    ck_assert_int_eq(config.max_wait_ms, 300000);
    ck_assert_int_eq(config.batch_size, 100);
    ck_assert_int_eq(config.batch_linger_ms, 100);
    ck_assert_int_eq(config.submit_slots, 4);
    ck_assert_int_eq(config.submit_timeout_ms, 120000);
    ck_assert_int_eq(config.batch_lifetime_ms, 86400000);
    ck_assert_int_eq(config.reads_per_second, 18);
    ck_assert_int_eq(config.ttl_found_ms, INT64_C(30) * 86400000);
    ck_assert_int_eq(config.ttl_empty_ms, 86400000);
    ck_assert_int_eq(config.ttl_failed_ms, 60000);
    ck_assert_int_eq(config.cache_bytes, 64 << 20);
    ck_assert_ptr_null(config.store);
    ck_assert_ptr_null(config.store_password_file);
    ck_assert_ptr_null(config.store_schema);
    ck_assert_int_eq(config.store_rows, 1000000);
    ck_assert_int_eq(config.max_waiters, 10000);
    ck_assert_int_eq(config.max_streams, 256);
    ck_assert_int_eq(config.bulk_entries, 10000);
    ck_assert_int_eq(config.max_bulks, 16);
    ck_assert_int_eq(config.log_level, LOG_INFO);
    ck_assert_int_eq(config.sandbox, 3);
    ck_assert_int_eq(config.store_migrate, 1);
    config_done(&config);
}

TEST(config_flags_override_environment_and_defaults)
{
    struct config config;
    struct errmsg why;

    setenv("EMAILSD_WAIT", "10s", 1);
    setenv("EMAILSD_BATCH_SIZE", "7", 1);
    setenv("EMAILSD_LISTEN", "127.0.0.1:1", 1);
    ck_assert_int_eq(
        read((const char *[]){"--wait=5s", "--listen", "127.0.0.1:2", NULL}, &config, &why),
        ERR_OK);
    ck_assert_int_eq(config.wait_ms, 5000);
    ck_assert_int_eq(config.batch_size, 7);
    ck_assert_uint_eq(config.listen.n, 1);
    ck_assert_str_eq(config.listen.values[0], "127.0.0.1:2");
    config_done(&config);
}

/* The words of a command are not settings: neither the environment nor a file may hold them. */
TEST(config_arguments_of_commands_are_flags_only)
{
    struct config config;
    struct errmsg why;

    ck_assert_int_eq(
        read((const char *[]){"resolve", "t-1", "--batch", "b-1", NULL}, &config, &why), ERR_OK);
    ck_assert_str_eq(config.batch, "b-1");
    ck_assert_uint_eq(config.n_words, 2);
    config_done(&config);
    ck_assert_int_eq(read((const char *[]){"--batch=", NULL}, &config, &why), ERR_SYNTAX);
    setenv("EMAILSD_BATCH", "b-1", 1);
    ck_assert_int_eq(read(NULL, &config, &why), ERR_SYNTAX);
    ck_assert_ptr_nonnull(strstr(why.text, "EMAILSD_BATCH"));
}

TEST(config_accepts_several_addresses)
{
    struct config config;
    struct errmsg why;

    ck_assert_int_eq(
        read((const char *[]){"--listen", "127.0.0.1:1", "--listen=[::1]:2", NULL}, &config, &why),
        ERR_OK);
    ck_assert_uint_eq(config.listen.n, 2);
    ck_assert_str_eq(config.listen.values[1], "[::1]:2");
    config_done(&config);
}

static const struct {
    const char *value, *first, *last;
    size_t n;
} lists[] = {
    {"0.0.0.0:8080", "0.0.0.0:8080", "0.0.0.0:8080", 1},
    {"0.0.0.0:8080,[::]:8080", "0.0.0.0:8080", "[::]:8080", 2},
    {" 0.0.0.0:1 ,\t[::]:1 ", "0.0.0.0:1", "[::]:1", 2},
    {"a:1,a:2,a:3,a:4,a:5,a:6,a:7,a:8", "a:1", "a:8", 8},
};

LOOP_TEST(config_list_in_the_environment_is_comma_separated, lists)
{
    struct config config;
    struct errmsg why;

    setenv("EMAILSD_LISTEN", lists[_i].value, 1);
    ck_assert_int_eq(read(NULL, &config, &why), ERR_OK);
    ck_assert_uint_eq(config.listen.n, lists[_i].n);
    ck_assert_str_eq(config.listen.values[0], lists[_i].first);
    ck_assert_str_eq(config.listen.values[lists[_i].n - 1], lists[_i].last);
    config_done(&config);
}

static const char *const invalid_lists[] = {"",
                                            ",",
                                            " , ",
                                            "127.0.0.1:1,",
                                            ",127.0.0.1:1",
                                            "127.0.0.1:1,,127.0.0.1:2",
                                            "a:1,a:2,a:3,a:4,a:5,a:6,a:7,a:8,a:9"};

LOOP_TEST(config_list_with_an_empty_or_a_ninth_item_is_rejected, invalid_lists)
{
    struct config config;
    struct errmsg why = {""};

    setenv("EMAILSD_LISTEN", invalid_lists[_i], 1);
    ck_assert_int_eq(read(NULL, &config, &why), ERR_SYNTAX);
    ck_assert_ptr_nonnull(strstr(why.text, "EMAILSD_LISTEN"));
}

TEST(config_lists_in_the_environment_are_separate)
{
    struct config config;
    struct errmsg why;

    setenv("EMAILSD_LISTEN", "0.0.0.0:8080", 1);
    setenv("EMAILSD_HOST", "emails.example.com, emails.example.org", 1);
    ck_assert_int_eq(read(NULL, &config, &why), ERR_OK);
    ck_assert_uint_eq(config.listen.n, 1);
    ck_assert_uint_eq(config.hosts.n, 2);
    ck_assert_str_eq(config.hosts.values[1], "emails.example.org");
    config_done(&config);
}

/* Only the environment has no other way to give several values. */
TEST(config_flag_does_not_split_a_list)
{
    struct config config;
    struct errmsg why;

    ck_assert_int_eq(read((const char *[]){"--listen=a:1,b:2", NULL}, &config, &why), ERR_OK);
    ck_assert_uint_eq(config.listen.n, 1);
    ck_assert_str_eq(config.listen.values[0], "a:1,b:2");
    config_done(&config);
}

static const struct {
    const char *flag;
    int64_t value;
} accesses[] = {{"--allow-anonymous", 1},
                {"--allow-anonymous=1", 1},
                {"--allow-anonymous=0", 0},
                {"--allow-anonymous=admin", 2}};

LOOP_TEST(config_anonymous_access_has_three_values, accesses)
{
    struct config config;
    struct errmsg why;

    ck_assert_int_eq(read((const char *[]){accesses[_i].flag, "--wait=7s", NULL}, &config, &why),
                     ERR_OK);
    ck_assert_int_eq(config.allow_anonymous, accesses[_i].value);
    ck_assert_int_eq(config.wait_ms, 7000); /* it takes no value from the next word */
    config_done(&config);
}

static const struct {
    const char *flag;
    int64_t value;
} units[] = {
    {"--wait=0", 0},
    {"--wait=250ms", 250},
    {"--wait=2s", 2000},
    {"--wait=2min", 120000},
    {"--ttl-found=1h", 3600000},
    {"--ttl-found=2d", 172800000},
    {"--cache-size=1048576", 1 << 20},
    {"--cache-size=2048KiB", 2 << 20},
    {"--cache-size=1GiB", 1 << 30},
};

LOOP_TEST(config_times_and_sizes_accept_units, units)
{
    struct config config;
    struct errmsg why;

    ck_assert_int_eq(read((const char *[]){units[_i].flag, NULL}, &config, &why), ERR_OK);
    int64_t got = strstr(units[_i].flag, "wait")  ? config.wait_ms
                  : strstr(units[_i].flag, "ttl") ? config.ttl_found_ms
                                                  : config.cache_bytes;
    ck_assert_msg(got == units[_i].value, "%s gave %lld", units[_i].flag, (long long)got);
    config_done(&config);
}

static const struct {
    const char *args[3];
    const char *why;
} rejected[] = {
    {{"--wat", NULL}, "--wat"},
    {{"--wait", NULL}, "--wait requires a value"},
    {{"--wait=5", NULL}, "--wait: invalid value '5'"},
    {{"--wait=-5s", NULL}, "--wait: invalid value '-5s'"},
    {{"--wait=5parsecs", NULL}, "--wait: invalid value '5parsecs'"},
    {{"--wait=301s", NULL}, "--wait: invalid value '301s'"},
    {{"--wait=99999999999999999999s", NULL}, "--wait"},
    {{"--wait=9223372036854775807d", NULL}, "--wait"},
    {{"--wait= 5s", NULL}, "--wait"},
    {{"--batch-size=0", NULL}, "--batch-size: invalid value '0'"},
    {{"--batch-size=101", NULL}, "--batch-size: invalid value '101'"},
    {{"--batch-size=1e2", NULL}, "--batch-size: invalid value '1e2'"},
    {{"--bulk-entries=100001", NULL}, "--bulk-entries: invalid value '100001'"},
    {{"--cache-size=1MB", NULL}, "--cache-size: invalid value '1MB'"},
    {{"--log-level=loud", NULL}, "--log-level: invalid value 'loud'"},
    {{"--sandbox=half", NULL}, "--sandbox: invalid value 'half'"},
    {{"--store-migrate=1", NULL}, "must be on or off"},
    {{"--upstream-url=", NULL}, "--upstream-url"},
    {{"--upstream-insecure=maybe", NULL}, "--upstream-insecure"},
    {{"--allow-anonymous=all", NULL}, "must be 0, 1 or admin"},
    {{"--host=", NULL}, "--host"},
};

LOOP_TEST(config_invalid_value_is_rejected_and_named, rejected)
{
    struct config config;
    struct errmsg why = {""};

    ck_assert_int_eq(read(rejected[_i].args, &config, &why), ERR_SYNTAX);
    ck_assert_msg(strstr(why.text, rejected[_i].why), "%s: %s", rejected[_i].args[0], why.text);
}

TEST(config_keeps_up_to_three_words_in_order)
{
    struct config config;
    struct errmsg why;

    ck_assert_int_eq(
        read((const char *[]){"forget", "--wait=5s", "info@example.org", NULL}, &config, &why),
        ERR_OK);
    ck_assert_uint_eq(config.n_words, 2);
    ck_assert_str_eq(config.words[0], "forget");
    ck_assert_str_eq(config.words[1], "info@example.org");
    config_done(&config);
    ck_assert_int_eq(read((const char *[]){"one", "two", "three", "four", NULL}, &config, &why),
                     ERR_SYNTAX);
    ck_assert_ptr_nonnull(strstr(why.text, "four"));
}

TEST(config_invalid_environment_value_names_its_variable)
{
    struct config config;
    struct errmsg why;

    setenv("EMAILSD_MAX_WAIT", "long", 1);
    ck_assert_int_eq(read(NULL, &config, &why), ERR_SYNTAX);
    ck_assert_ptr_nonnull(strstr(why.text, "EMAILSD_MAX_WAIT"));
}

TEST(config_reload_adopts_changeable_options_only)
{
    struct config running, changed;
    struct errmsg why;

    ck_assert_int_eq(read((const char *[]){"--wait=5s", "--store=memory:", NULL}, &running, &why),
                     ERR_OK);
    ck_assert_int_eq(read((const char *[]){"--wait=7s", "--tls-key=k", "--drain-timeout=1s",
                                           "--store=sqlite:x", "--cache-size=1MiB", NULL},
                          &changed, &why),
                     ERR_OK);
    config_adopt(&running, &changed);
    config_done(&changed);
    ck_assert_int_eq(running.wait_ms, 7000);
    ck_assert_int_eq(running.drain_timeout_ms, 1000);
    ck_assert_str_eq(running.tls_key, "k");
    ck_assert_str_eq(running.store, "memory:");
    ck_assert_int_eq(running.cache_bytes, 64 << 20);
    config_done(&running);
}

static const struct {
    const char *name, *value;
    bool is_fine;
} variables[] = {
    {"EMAILSD_CREDITS_PER_DAY", "50", true},
    {"EMAILSD_CREDITS_PERDAY", "50", false},
    {"EMAILSD_CREDITS_PERDAY", "", false},
    {"EMAILSD_CREDITS_PER_DAYS", "50", false},
    {"EMAILSD_", "", false},
    {"EMAILSD_wait", "5s", false},
    {"EMAILSD_HELP", "1", false}, /* accepted on the command line only */
    {"EMAILSD", "1", true},
    {"EMAILSDX_WAIT", "1", true},
    {"MY_EMAILSD_WAIT", "1", true},
    {"EMAILSD_SERVICE_HOST", "10.0.0.11", true},
    {"EMAILSD_SERVICE_PORT", "8080", true},
    {"EMAILSD_SERVICE_PORT_HTTP", "8080", true},
    {"EMAILSD_PORT", "tcp://10.0.0.11:8080", true},
    {"EMAILSD_PORT", "8080", false},
    {"EMAILSD_PORT_8080_TCP_ADDR", "10.0.0.11", true},
    {"EMAILSD_METRICS_SERVICE_HOST", "10.0.0.12", true},
    /* of the command line tool */
    {"EMAILSD_URL", "http://127.0.0.1:8080", true},
    {"EMAILSD_KEY", "esd_1", true},
    {"EMAILSD_KEY_FILE", "/home/x/key", true},
    {"EMAILSD_KEYS", "x", false},
    {"EMAILSD_URLS", "x", false},
    {"EMAILSD_METRICS_PORT", "tcp://10.0.0.12:9090", true},
};

LOOP_TEST(config_unknown_variable_is_rejected, variables)
{
    struct config config;
    struct errmsg why = {""};

    setenv(variables[_i].name, variables[_i].value, 1);
    enum err err = read(NULL, &config, &why);
    ck_assert_msg(err == (variables[_i].is_fine ? ERR_OK : ERR_SYNTAX), "%s: %s",
                  variables[_i].name, why.text);
    if (err)
        ck_assert_msg(strstr(why.text, variables[_i].name), "%s", why.text);
    else
        config_done(&config);
}
