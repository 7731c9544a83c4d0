/* SPDX-License-Identifier: MIT */
/* test_inbox.c - tests that every message arrives once, in order, on its owner's thread, and
 * that the inbox is readable exactly while messages wait. ThreadSanitizer checks that posting
 * and opening do not race. */
#include "base/inbox.h"
#include "base/mem.h"

#include "tests/support/suite.h"
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#define SENDERS 4
#define LETTERS 5000 /* by each sender */

struct note {
    struct message message;
    int sender, number;
};

static struct inbox *box;
static int opened[8], n_opened;

static void setup(void)
{
    n_opened = 0;
    ck_assert_int_eq((int)inbox_new(&box), (int)ERR_OK);
}

static void teardown(void)
{
    inbox_free(box);
}

FIXTURE(setup, teardown);

static struct note *note_of(struct message *message)
{
    return container_of(message, struct note, message);
}

static void open_note(struct message *message)
{
    opened[n_opened++] = note_of(message)->number;
}

static bool is_readable(void)
{
    struct pollfd fd = {.fd = inbox_fd(box), .events = POLLIN};

    return poll(&fd, 1, 0) == 1;
}

TEST(inbox_empty_is_not_readable)
{
    ck_assert(!is_readable());
    inbox_run_all(box);
    ck_assert(!is_readable());
}

TEST(inbox_limited_batch_keeps_order_and_reports_the_rest)
{
    struct note notes[5] = {
        {.number = 1}, {.number = 2}, {.number = 3}, {.number = 4}, {.number = 5}};

    for (size_t i = 0; i < 3; i++)
        inbox_post(box, &notes[i].message, open_note);
    ck_assert(inbox_run_some(box, 2));
    ck_assert_int_eq(n_opened, 2);
    inbox_post(box, &notes[3].message, open_note);
    ck_assert(is_readable()); /* of the new message */
    inbox_post(box, &notes[4].message, open_note);
    ck_assert(!inbox_run_some(box, 2)); /* nothing is left of the messages taken */
    ck_assert_int_eq(n_opened, 3);
    ck_assert(!inbox_run_some(box, 2));
    ck_assert(!is_readable());
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(opened[i], i + 1);
}

TEST(inbox_opens_messages_in_order_of_posting)
{
    struct note notes[3] = {{.number = 1}, {.number = 2}, {.number = 3}};

    for (size_t i = 0; i < ARRAY_LEN(notes); i++)
        inbox_post(box, &notes[i].message, open_note);
    ck_assert_int_eq(n_opened, 0);
    inbox_run_all(box);
    ck_assert_int_eq(n_opened, 3);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(opened[i], i + 1);
}

TEST(inbox_is_readable_while_messages_wait)
{
    struct note a = {.number = 1}, b = {.number = 2};

    inbox_post(box, &a.message, open_note);
    ck_assert(is_readable());
    inbox_post(box, &b.message, open_note);
    ck_assert(is_readable());
    inbox_run_all(box);
    ck_assert(!is_readable());
}

static void open_and_send_on(struct message *message)
{
    open_note(message);
    if (n_opened < 3)
        inbox_post(box, message, open_and_send_on);
}

TEST(inbox_opens_message_whose_wake_up_was_lost)
{
    struct note note = {.number = 7}, next = {.number = 8};
    eventfd_t rings;

    inbox_post(box, &note.message, open_note);
    ck_assert_int_eq(eventfd_read(inbox_fd(box), &rings), 0);
    inbox_post(box, &next.message, open_note); /* sends a wake-up for the first message only */
    ck_assert(!is_readable());
    inbox_run_all(box);
    ck_assert_int_eq(n_opened, 2);
    inbox_post(box, &note.message, open_note);
    ck_assert(is_readable());
    inbox_run_all(box);
}

TEST(inbox_message_posted_while_opening_waits)
{
    struct note note = {.number = 1};

    inbox_post(box, &note.message, open_and_send_on);
    for (int turn = 1; turn <= 3; turn++) {
        ck_assert(is_readable());
        inbox_run_all(box);
        ck_assert_int_eq(n_opened, turn);
    }
    ck_assert(!is_readable());
}

static void open_and_free(struct message *message)
{
    open_note(message);
    free(note_of(message));
}

TEST(inbox_opened_message_belongs_to_its_reader)
{
    for (int i = 0; i < 3; i++) {
        struct note *note = xcalloc(1, sizeof *note);
        note->number = i;
        inbox_post(box, &note->message, open_and_free);
    }
    inbox_run_all(box);
    ck_assert_int_eq(n_opened, 3);
}

TEST(inbox_runs_the_function_of_each_message)
{
    struct note a = {.number = 1}, *b = xcalloc(1, sizeof *b);

    b->number = 2;
    inbox_post(box, &a.message, open_note);
    inbox_post(box, &b->message, open_and_free);
    inbox_run_all(box);
    ck_assert_int_eq(n_opened, 2);
}

SIGNAL_TEST(inbox_free_with_messages_aborts, SIGABRT)
{
    struct note note = {.number = 1};

    inbox_post(box, &note.message, open_note);
    inbox_free(box);
}

TEST(inbox_free_of_null_is_a_no_op)
{
    inbox_free(NULL);
}

/* ---- many senders ---- */

static struct note crowd[SENDERS][LETTERS];
static int seen[SENDERS], n_seen;
static pthread_t owner;

static void open_from_crowd(struct message *message)
{
    struct note *note = note_of(message);

    ck_assert(pthread_equal(pthread_self(), owner));
    ck_assert_int_eq(note->number, seen[note->sender]);
    seen[note->sender]++;
    n_seen++;
}

static void *send_all(void *arg)
{
    struct note *notes = arg;
    long sender = (notes - crowd[0]) / LETTERS;

    for (int i = 0; i < LETTERS; i++) {
        notes[i].sender = (int)sender;
        notes[i].number = i;
        inbox_post(box, &notes[i].message, open_from_crowd);
    }
    return NULL;
}

TEST(inbox_with_many_senders_loses_no_message)
{
    pthread_t threads[SENDERS];

    owner = pthread_self();
    for (size_t i = 0; i < SENDERS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, send_all, crowd[i]), 0);
    while (n_seen < SENDERS * LETTERS) {
        struct pollfd fd = {.fd = inbox_fd(box), .events = POLLIN};
        ck_assert_int_eq(poll(&fd, 1, 30000), 1); /* a lost wake-up would block here */
        inbox_run_all(box);
    }
    for (size_t i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    ck_assert(!is_readable());
    for (size_t i = 0; i < SENDERS; i++)
        ck_assert_int_eq(seen[i], LETTERS);
}
